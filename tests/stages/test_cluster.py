"""Jobs on several cores: results, reports and errors are the same as on one."""

import os
import socket
import time
from pathlib import Path

import pytest
import torch
from training_data import examples, quick

from repscore.models.estimator import Unavailable
from repscore.models.scorer.checkpoint import DamagedCheckpoint
from repscore.models.scorer.evaluation import RunJobs
from repscore.models.scorer.examples import TrainingSet
from repscore.models.scorer.model import ScorerModel
from repscore.models.scorer.training import train_scorer
from repscore.transforms import cluster
from repscore.transforms.cluster import Report, WorkerLost, no_report, run_jobs
from repscore.transforms.local_ray import LocalRay, RayNotStarted
from repscore.transforms.processes import ENDING


def test_jobs_keep_their_order_and_run_at_once_in_other_processes(tmp_path: Path) -> None:
    def work(job: int, report: Report) -> tuple[int, int]:
        """The first two wait for each other, the first one longer."""
        (tmp_path / str(job)).touch()
        while job < 2 and not (tmp_path / ("2" if job == 0 else "0")).exists():
            time.sleep(0.05)
        report(job, "done")
        return job, os.getpid()

    messages: list[tuple[int, str]] = []
    found = run_jobs(work, range(4), 2, lambda *words: messages.append(words))
    assert [job for job, _ in found] == [0, 1, 2, 3]
    assert os.getpid() not in {process for _, process in found}
    assert sorted(messages) == [(job, "done") for job in range(4)]


def test_torch_has_one_core_and_gets_the_others_back() -> None:
    threads = torch.get_num_threads()
    assert run_jobs(lambda *_: torch.get_num_threads(), range(2), 1, no_report) == [1, 1]
    assert torch.get_num_threads() == threads


def test_a_scorer_does_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    data, config = TrainingSet(examples()), quick(epochs=3)
    reports: dict[int, list[str]] = {1: [], 2: []}

    def trained(workers: int) -> ScorerModel:
        folder = tmp_path / str(workers)
        return train_scorer(data, config, folder, on(workers), reports[workers].append)

    assert trained(1).version() == trained(2).version()
    assert sorted(reports[1]) == sorted(reports[2])
    assert len(reports[1]) == 3 * 2 + 1
    for file in (tmp_path / "2").iterdir():
        file.write_bytes(b"nothing of ours")
    with pytest.raises(DamagedCheckpoint, match="expected a checkpoint of repscore") as error:
        trained(2)
    assert str(error.value).startswith(str(tmp_path)), "in one line, as without workers"


def on(workers: int) -> RunJobs:
    return lambda work, jobs, report: run_jobs(work, jobs, workers, report)


def test_a_worker_that_ends_in_the_middle_is_an_error_with_a_remedy() -> None:
    def end(*_: object) -> None:
        os._exit(1)

    with pytest.raises(
        WorkerLost, match=r"ended twice in the middle .* give --workers less than 2"
    ):
        run_jobs(end, range(2), 2, no_report)
    assert run_jobs(lambda job, _: -job, range(3), 2, no_report) == [0, -1, -2]


def test_what_is_no_cluster_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port at which somebody listens and never answers."""
    monkeypatch.setattr(cluster, "_ANSWER_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(Unavailable, match=f"--ray-address {address}: expected .* nothing"):
            cluster._join(address)


def test_a_local_ray_that_does_not_start_is_started_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    starts: list[str] = []

    class Slow(LocalRay):
        def __init__(self, parent: str, *_: object) -> None:
            starts.append(parent)
            raise RayNotStarted("The current node timed out during startup.")

    monkeypatch.setattr(cluster, "_local", None)
    monkeypatch.setattr(cluster, "LocalRay", Slow)
    monkeypatch.setattr(cluster.ray, "shutdown", lambda: None)
    with pytest.raises(Unavailable, match="tried twice: The current node timed out during startup"):
        cluster._start_local()
    assert len(starts) == 2


def test_a_program_that_is_being_ended_starts_no_other_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first one was killed with all else."""
    starts: list[str] = []

    class Killed(LocalRay):
        def __init__(self, parent: str, *_: object) -> None:
            starts.append(parent)
            monkeypatch.setattr(ENDING, "is_set", lambda: True)
            raise RayNotStarted("no answer")

    monkeypatch.setattr(cluster, "_local", None)
    monkeypatch.setattr(cluster, "LocalRay", Killed)
    monkeypatch.setattr(cluster.ray, "shutdown", lambda: None)
    with pytest.raises(Unavailable):
        cluster._start_local()
    assert len(starts) == 1
