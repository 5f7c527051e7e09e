"""Work on several cores: what is learned, told and raised is the same as on one."""

import os
import time
from pathlib import Path

import pytest
import torch
from executions import curl, perform, squat

from repscore.models.scorer.checkpoint import ForeignCheckpoint
from repscore.models.scorer.network import Recipe
from repscore.pipelines.evaluate.labelled import Labelled
from repscore.pipelines.side_by_side import Tell, side_by_side, silent
from repscore.pipelines.train.examples import Examples
from repscore.pipelines.train.learning import Tuning, learn_scorer

TUNING = Tuning(0, Recipe(width=16, embedding=16, epochs=3, batch=8), folds=3)


def examples() -> Examples:
    items = [
        Labelled(f"p{person}", False, name, None, perform(pose, noise=0.01, seed=person))
        for person in range(6)
        for name, pose in (("squat", squat()), ("curl", curl()))
    ]
    return Examples(items, [None] * len(items), "body", "invented", "own")


def test_jobs_keep_their_order_and_run_at_once_in_other_processes() -> None:
    def slow_first(job: int, tell: Tell) -> tuple[int, int, float, float]:
        began = time.time()
        time.sleep(3.0 if job == 0 else 0.1)
        tell(job, "done")
        return job, os.getpid(), began, time.time()

    told: list[tuple[int, str]] = []
    found = side_by_side(slow_first, range(4), 2, lambda *words: told.append(words))
    assert [job for job, *_ in found] == [0, 1, 2, 3]
    assert os.getpid() not in {process for _, process, *_ in found}
    assert min(end for *_, end in found[1:]) < found[0][3], "beside the slow one"
    assert sorted(told) == [(job, "done") for job in range(4)]


def test_torch_has_one_core_and_gets_the_others_back() -> None:
    threads = torch.get_num_threads()
    assert side_by_side(lambda *_: torch.get_num_threads(), range(2), 1, silent) == [1, 1]
    assert torch.get_num_threads() == threads


def test_a_scorer_does_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    alone, together = [], []
    one = learn_scorer(examples(), TUNING, tmp_path / "1", lambda *told: alone.append(told), 1)
    two = learn_scorer(examples(), TUNING, tmp_path / "2", lambda *told: together.append(told), 2)
    assert one.version() == two.version()
    assert sorted(alone) == sorted(together)
    assert len(alone) == (3 + 1) * 3
    next((tmp_path / "2").glob("fold-1*")).write_bytes(b"nothing of ours")
    with pytest.raises(ForeignCheckpoint, match="no checkpoint of repscore"):
        learn_scorer(examples(), TUNING, tmp_path / "2", silent, 2)
