"""Ctrl-C and SIGTERM at random moments: one line, 130 or 143, and nothing is left."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import keypoints
import labelled_keypoints
import pytest
import videos

from repscore.transforms.processes import descendants


@pytest.fixture
def temporary() -> Iterator[Path]:
    """The temporary directory of the programs; short, for the sockets of Ray."""
    folder = Path(tempfile.mkdtemp(prefix="s-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    for number in range(3):
        videos.plain(folder / f"{number}.mp4", frames=600)
    return folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, root = tmp_path_factory.mktemp("keypoints"), tmp_path_factory.mktemp("dataset")
    keypoints.raises(folder, 10.0)
    done = start(Path(tempfile.gettempdir()), "score", str(folder), "-o", str(root), "--quiet")
    _, errors = done.communicate(timeout=300)
    assert done.returncode == 0, errors
    return root


def start(temporary: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "repscore.pipelines", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=os.environ | {"TMPDIR": str(temporary)},
    )  # fmt: skip


def strike(
    run: "subprocess.Popen[str]", number: signal.Signals, after_s: float, temporary: Path
) -> None:
    """Send a signal at that moment, and look at what remains."""
    print(f"{number.name} after {after_s:.2f} s")  # noqa: T201 - pytest shows it where a test fails
    limit_s = time.monotonic() + 60
    while not list(temporary.iterdir()):  # Python has started, and our handlers are in place
        assert time.monotonic() < limit_s, "it did not start within a minute"
        time.sleep(0.05)
    time.sleep(after_s)
    assert run.poll() is None, run.communicate()
    started = descendants(run.pid)
    run.send_signal(number)
    _, errors = run.communicate(timeout=30)
    assert run.returncode == 128 + number, errors
    assert len(errors.splitlines()) == 1, errors
    assert errors.startswith("repscore: ")
    assert not started & descendants(1), "processes are left"
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_score(
    number: signal.Signals, archive: Path, chance: random.Random, temporary: Path, tmp_path: Path
) -> None:
    arguments = ("score", str(archive), "-o", str(tmp_path), "--estimator", "fakes:SlowArmRaiser")
    strike(start(temporary, *arguments, "--quiet"), number, chance.uniform(0.5, 20), temporary)


def test_score_in_the_middle_of_its_work(
    archive: Path, chance: random.Random, temporary: Path, tmp_path: Path
) -> None:
    options = ("--estimator", "fakes:SlowArmRaiser", "--segment-seconds", "5", "--quiet")
    run = start(temporary, "score", str(archive), "-o", str(tmp_path), *options)
    limit_s = time.monotonic() + 200
    while not list(tmp_path.glob("poses/**/*.parquet")):
        assert time.monotonic() < limit_s, "nothing was written within 200 s"
        time.sleep(0.1)
    strike(run, signal.SIGTERM, chance.uniform(0, 1), temporary)


def test_rescore(dataset: Path, chance: random.Random, temporary: Path) -> None:
    run = start(temporary, "rescore", str(dataset), "--quiet")
    strike(run, signal.SIGTERM, chance.uniform(0.5, 2), temporary)


def test_train(chance: random.Random, temporary: Path, tmp_path: Path) -> None:
    labelled_keypoints.write(tmp_path)
    options = ("--folds", "4", "--epochs", "10000", "--workers", "2", "--quiet")
    run = start(temporary, "train", str(tmp_path), "-o", str(tmp_path / "scorer"), *options)
    strike(run, signal.SIGINT, chance.uniform(0.5, 30), temporary)


def test_a_signal_in_watch_finishes_what_is_in_progress_and_the_second_ends_it(
    archive: Path, temporary: Path, tmp_path: Path
) -> None:
    options = ("--estimator", "fakes:SlowArmRaiser", "--every", "1", "--quiet")
    run = start(temporary, "watch", str(archive), "-o", str(tmp_path), *options)
    limit_s = time.monotonic() + 200
    while not any(temporary.glob("*/session_*/sockets/*")) or not list(tmp_path.iterdir()):
        assert time.monotonic() < limit_s, "it did not start within 200 s"
        time.sleep(0.5)
    time.sleep(20)
    run.send_signal(signal.SIGINT)
    time.sleep(0.5)
    strike(run, signal.SIGINT, 0.0, temporary)


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
