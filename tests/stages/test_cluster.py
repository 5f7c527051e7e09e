"""Jobs on several cores: results, reports and errors are the same as on one."""

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lessons import TUNING, examples

from repscore.models.scorer.checkpoint import ForeignCheckpoint
from repscore.pipelines.evaluate.methods import METHODS, Material
from repscore.pipelines.evaluate.scoring import cross_validate
from repscore.pipelines.train.learning import learn_scorer
from repscore.transforms.cluster import Report, WorkerLost, no_report, run_jobs

SHORT = replace(TUNING, recipe=replace(TUNING.recipe, epochs=3))


def test_jobs_keep_their_order_and_run_at_once_in_other_processes(tmp_path: Path) -> None:
    def work(job: int, report: Report) -> tuple[int, int]:
        """The first two wait for each other, the first one longer."""
        (tmp_path / str(job)).touch()
        while job < 2 and not (tmp_path / ("2" if job == 0 else "0")).exists():
            time.sleep(0.05)
        report(job, "done")
        return job, os.getpid()

    told: list[tuple[int, str]] = []
    found = run_jobs(work, range(4), 2, lambda *words: told.append(words))
    assert [job for job, _ in found] == [0, 1, 2, 3]
    assert os.getpid() not in {process for _, process in found}
    assert sorted(told) == [(job, "done") for job in range(4)]


def test_torch_has_one_core_and_gets_the_others_back() -> None:
    threads = torch.get_num_threads()
    assert run_jobs(lambda *_: torch.get_num_threads(), range(2), 1, no_report) == [1, 1]
    assert torch.get_num_threads() == threads


def test_a_scorer_does_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    alone, together = [], []
    one = learn_scorer(examples(), SHORT, tmp_path / "1", lambda *told: alone.append(told), 1)
    two = learn_scorer(examples(), SHORT, tmp_path / "2", lambda *told: together.append(told), 2)
    assert one.version() == two.version()
    assert sorted(alone) == sorted(together)
    assert len(alone) == (3 + 1) * 3
    next((tmp_path / "2").glob("fold-1*")).write_bytes(b"nothing of ours")
    with pytest.raises(ForeignCheckpoint, match="no checkpoint of repscore") as told:
        learn_scorer(examples(), SHORT, tmp_path / "2", no_report, 2)
    assert str(told.value).startswith(str(tmp_path)), "in one line, as without workers"


def test_an_evaluation_does_not_depend_on_the_number_of_workers() -> None:
    material = Material(examples().items)
    dealt = [np.arange(len(material.items)) // 6 % count for count in (2, 3)]
    method = METHODS["network-phases"]
    told: list[tuple[str, int]] = []
    one = cross_validate(material, dealt, method, 1)
    two = cross_validate(material, dealt, method, 2, lambda *words: told.append(words))
    for (folds, alone), (same, together) in zip(one, two, strict=True):
        assert np.array_equal(folds, same)
        assert np.array_equal(alone.exercise, together.exercise)
    assert sorted(told) == [
        ("fold 1 of 2", 0), ("fold 1 of 3", 1), ("fold 2 of 2", 0), ("fold 2 of 3", 1),
        ("fold 3 of 3", 1),
    ]  # fmt: skip


def test_a_worker_that_ends_in_the_middle_is_an_error_with_a_remedy() -> None:
    def end(*_: object) -> None:
        os._exit(1)

    with pytest.raises(
        WorkerLost, match=r"ended twice in the middle .* give --workers less than 2"
    ):
        run_jobs(end, range(2), 2, no_report)
    assert run_jobs(lambda job, _: -job, range(3), 2, no_report) == [0, -1, -2]
