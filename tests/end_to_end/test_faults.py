"""A short form of `python tests/faults.py`: after a fault the tables are those of a quiet run."""

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import faults
import pytest
from rows import tables

SHORT = ("SIGKILL of a pose worker", "last log entry torn", "disk full for tables")


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[faults.Bench, Path]]:
    with faults.bench() as bench:
        yield bench


@pytest.mark.parametrize("name", SHORT)
def test_a_run_recovers(
    name: str, shared: tuple[faults.Bench, Path], chance: random.Random
) -> None:
    (fault,) = (fault for fault in faults.FAULTS if fault.name == name)
    bench, base = shared
    outcome = faults.attempt(fault, bench, base / name[:3], chance.randrange(10**6))
    assert outcome.is_good, outcome


def test_a_driver_that_is_killed_three_times_does_no_work_twice(
    shared: tuple[faults.Bench, Path], chance: random.Random
) -> None:
    bench, base = shared
    trial = bench.trial(base / "k", chance)
    for already in range(3):
        run = trial.start()
        # Strike at a random moment after this run has added to the store, or has ended.
        trial.until(lambda least=already: len(trial.pose_files()) > least, run)  # type: ignore[misc]
        time.sleep(chance.uniform(0, 1.5))
        run.kill()
        trial.ended(run, -signal.SIGKILL, 0)
    kept = written(trial.pose_files())
    trial.ended(trial.start(), 0)
    assert tables(trial.dataset) == bench.expected
    assert kept.items() <= written(trial.pose_files()).items()


def test_a_finished_run_changes_nothing(
    shared: tuple[faults.Bench, Path], chance: random.Random
) -> None:
    bench, base = shared
    trial = bench.trial(base / "n", chance)
    trial.take()
    files = faults.contents(trial.dataset)
    trial.ended(trial.start(), 0)
    after = faults.contents(trial.dataset)
    assert {name for name in files.keys() | after.keys() if files.get(name) != after.get(name)} == {
        name for name in after if "/tables/runs/" in name and name not in files
    }
    assert tables(trial.dataset) == bench.expected


def written(files: list[Path]) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in files}
