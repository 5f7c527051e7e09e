"""A short form of `python tests/signal_trials.py`: a signal ends a command in one line."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import signal_trials as trials
from signal_trials import Inputs

from repscore.pipelines.signals import line_of


@pytest.fixture
def temporary() -> Iterator[Path]:
    with trials.temporary_directory() as folder:
        yield folder


@pytest.fixture(scope="module")
def inputs() -> Iterator[Inputs]:
    with trials.made_inputs() as made:
        yield made


@pytest.mark.parametrize(
    ("command", "number"),
    [
        (trials.score, signal.SIGINT),
        (trials.score, signal.SIGTERM),
        (trials.rescore, signal.SIGTERM),
        (trials.train, signal.SIGINT),
    ],
)
def test_at_a_random_moment(
    command: trials.Command,
    number: signal.Signals,
    inputs: Inputs,
    chance: random.Random,
    tmp_path: Path,
) -> None:
    after_s = chance.uniform(0, trials.LATEST_S[command])
    print(f"{number.name} after {after_s:.2f} s")  # noqa: T201 - pytest shows it where a test fails
    trials.struck(command, inputs, number, after_s, tmp_path)


def test_score_in_the_middle_of_its_work(
    inputs: Inputs, chance: random.Random, temporary: Path, tmp_path: Path
) -> None:
    run = trials.start(temporary, *trials.score(inputs, tmp_path))
    trials.until(lambda: list(tmp_path.glob("poses/**/*.parquet")), run)
    assert trials.strike(run, signal.SIGTERM, chance.uniform(0, 1), temporary)


def test_a_signal_in_watch_finishes_what_is_in_progress_and_the_second_ends_it(
    inputs: Inputs, temporary: Path, tmp_path: Path
) -> None:
    run = trials.start(temporary, *trials.watch(inputs, tmp_path))
    trials.until(lambda: trials.works(run), run)
    trials.send(run, signal.SIGINT)
    time.sleep(0.5)
    assert run.poll() is None, run.communicate()
    assert trials.strike(run, signal.SIGINT, 0.0, temporary)


def test_a_signal_at_the_very_end_decides_the_status(temporary: Path) -> None:
    """The main thread has nothing more to do when the signal is taken."""
    code = """
import os, signal, time
from repscore.pipelines import signals
end, signals._end = signals._end, lambda *given: (signals.ENDING.set(), time.sleep(2), end(*given))
signals.end_on_signals("score")
os.kill(os.getpid(), signal.SIGTERM)
while not signals.ENDING.is_set():
    time.sleep(0.01)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 143
    assert done.stderr == f"{line_of('score', signal.SIGTERM)}\n"


def test_the_folder_of_a_program_that_was_killed_is_removed_by_the_next(temporary: Path) -> None:
    code = (
        "import os, signal; from repscore.transforms.processes import new_scratch;"
        "print(new_scratch(), flush=True); {end}"
    )
    environment = os.environ | {"TMPDIR": str(temporary)}
    for end in ("os.kill(os.getpid(), signal.SIGKILL)", "print(os.listdir(os.environ['TMPDIR']))"):
        command = [sys.executable, "-c", code.format(end=end)]
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, text=True, check=False
        )
    folder, left = done.stdout.splitlines()
    assert left == str([Path(folder).name])
