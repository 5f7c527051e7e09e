"""SIGINT and SIGTERM at random moments: `python tests/signal_trials.py`.

Each must end a command in one line, with 130 or 143, leaving no process and no temporary folder.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import keypoints
import labelled_keypoints
import videos

from repscore.transforms.processes import descendants

_START_S: Final = 300.0
_END_S: Final = 120.0
_TICK_S: Final = 0.05
_TRIES: Final = 5
_SLOW: Final = ("--estimator", "fakes:SlowArmRaiser", "--quiet")

Run = subprocess.Popen[str]


@dataclass(frozen=True)
class Inputs:
    """What the commands work on: half a minute of it, or more."""

    archive: Path
    dataset: Path
    labelled: Path


@contextlib.contextmanager
def made_inputs() -> Iterator[Inputs]:
    with tempfile.TemporaryDirectory(prefix="signals-") as folder:
        inputs = Inputs(*(Path(folder, name) for name in ("archive", "dataset", "labelled")))
        recordings = Path(folder, "keypoints")
        for made in (inputs.archive, inputs.labelled, recordings):
            made.mkdir()
        for number in range(3):
            videos.plain(inputs.archive / f"{number}.mp4", frames=600)
        labelled_keypoints.write(inputs.labelled)
        keypoints.raises(recordings, 10.0)
        with temporary_directory() as temporary:
            done = start(temporary, "score", str(recordings), "-o", str(inputs.dataset), "--quiet")
            _, errors = done.communicate(timeout=_START_S)
            assert done.returncode == 0, errors
        yield inputs


@contextlib.contextmanager
def temporary_directory() -> Iterator[Path]:
    """For a program; short, for the sockets of Ray."""
    folder = Path(tempfile.mkdtemp(prefix="s-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def start(temporary: Path, *arguments: str) -> Run:
    return subprocess.Popen(
        [sys.executable, "-m", "repscore.pipelines", *arguments],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=os.environ | {"TMPDIR": str(temporary)},
    )  # fmt: skip


def until(happens: Callable[[], object], run: Run) -> None:
    """Wait for it; the program must not end before."""
    limit_s = time.monotonic() + _START_S
    while not happens():
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < limit_s, f"it did not happen within {_START_S:g} s"
        time.sleep(_TICK_S)


def session(leader: int) -> set[tuple[int, str]]:
    """What runs in the session of a program that was started for itself: ids and names."""
    running = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            name, _, rest = stat.read_text().rpartition(")")
            state, _, _, of, *_ = rest.split()
            if int(of) == leader and state != "Z":
                running.add((int(stat.parent.name), name.partition("(")[2]))
    return running


def works(run: Run) -> bool:
    """Whether a pose worker has begun with a segment; Ray shows it in its title."""
    for number, _ in descendants(run.pid):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{number}/cmdline").read_bytes().startswith(b"ray::Worker.extract"):
                return True
    return False


def noticed(run: Run, number: signal.Signals) -> bool:
    """Whether a program has taken a signal: until then another one of the kind is lost."""
    lines = Path(f"/proc/{run.pid}/status").read_text().splitlines()
    (pending,) = (line.split()[1] for line in lines if line.startswith("ShdPnd:"))
    return not int(pending, 16) & 1 << (number - 1)


def send(run: Run, number: signal.Signals) -> None:
    """Send a signal, and wait until the program has taken it, or ended."""
    run.send_signal(number)
    limit_s = time.monotonic() + _END_S
    while run.poll() is None and not noticed(run, number):
        assert time.monotonic() < limit_s, f"{number.name} is not taken within {_END_S:g} s"
        time.sleep(_TICK_S)


def strike(
    run: Run, number: signal.Signals, after_s: float, temporary: Path, times: int = 1
) -> bool:
    """Send a signal, and look at what remains; False where the program ended by itself."""
    until(lambda: list(temporary.iterdir()), run)  # our handlers are in place
    with contextlib.suppress(subprocess.TimeoutExpired):
        run.wait(after_s)
    started = descendants(run.pid)
    for _ in range(times):
        send(run, number)
    _, errors = run.communicate(timeout=_END_S)
    if run.returncode == 0:
        assert not errors, errors
        return False
    assert run.returncode == 128 + number, (run.returncode, errors)
    assert len(errors.splitlines()) == 1, errors
    assert errors.startswith("repscore: "), errors
    assert not started & descendants(1), "processes are left"
    assert not session(run.pid), "processes are left"
    assert list(temporary.iterdir()) == [], "temporary folders are left"
    return True


def score(inputs: Inputs, output: Path) -> Sequence[str]:
    return ("score", str(inputs.archive), "-o", str(output), "--segment-seconds", "5", *_SLOW)


def watch(inputs: Inputs, output: Path) -> Sequence[str]:
    return ("watch", str(inputs.archive), "-o", str(output), "--every", "1", *_SLOW)


def rescore(inputs: Inputs, output: Path) -> Sequence[str]:
    return ("rescore", str(inputs.dataset), "--quiet")


def train(inputs: Inputs, output: Path) -> Sequence[str]:
    options = ("--folds", "4", "--epochs", "10000", "--workers", "2", "--quiet")
    return ("train", str(inputs.labelled), "-o", str(output / "scorer"), *options)


Command = Callable[[Inputs, Path], Sequence[str]]

LATEST_S: Final[Mapping[Command, float]] = {score: 30.0, watch: 30.0, rescore: 6.0, train: 40.0}
"""Up to how many seconds after a command's start the signal comes."""


def struck(
    command: Command, inputs: Inputs, number: signal.Signals, after_s: float, output: Path
) -> float:
    """Strike a command at that moment, or sooner where it has ended by then; returns the moment.

    `watch` first finishes what is in progress: the second signal ends it.
    """
    times = 2 if command is watch else 1
    for _ in range(_TRIES):
        with temporary_directory() as temporary:
            run = start(temporary, *command(inputs, output))
            try:
                if strike(run, number, after_s, temporary, times):
                    return after_s
            finally:
                end(run)
        after_s /= 2
    raise AssertionError(f"{command.__name__} ended by itself, {_TRIES} times")


def end(run: Run) -> None:
    """Let nothing of it go on."""
    for process in (*descendants(run.pid), *session(run.pid)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process[0], signal.SIGKILL)
    run.kill()
    run.wait()


def main() -> int:
    """Print a table; status 1 where an end was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=10, help="moments of each signal")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    chance, bad = random.Random(options.seed), 0
    with made_inputs() as inputs:
        for _ in range(options.times):
            for command, latest_s in LATEST_S.items():
                for sent in (signal.SIGINT, signal.SIGTERM):
                    moment_s, what = chance.uniform(0, latest_s), "good"
                    with tempfile.TemporaryDirectory(prefix="signals-") as output:
                        try:
                            moment_s = struck(command, inputs, sent, moment_s, Path(output))
                        except (AssertionError, subprocess.TimeoutExpired) as error:
                            what, bad = str(error), bad + 1
                    print(f"{command.__name__:8} {sent.name:8} {moment_s:6.2f} s  {what}")
                    sys.stdout.flush()
    total = options.times * len(LATEST_S) * 2
    print(f"seed {options.seed}: {total} signals, {bad} ends not as they must be")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
