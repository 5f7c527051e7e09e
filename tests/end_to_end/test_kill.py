"""A run that is killed at any moment and started again gives the tables of an undisturbed run."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import videos
from rows import tables


def score(archive: Path, root: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "repscore.pipelines", "score", str(archive), "-o", str(root)]
    options = ("--estimator", "fakes:SlowArmRaiser", "--segment-seconds", "5", "--group-size", "2")
    return subprocess.Popen(
        [*command, *options, "--quiet"], stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def finish(run: "subprocess.Popen[str]") -> None:
    _, errors = run.communicate(timeout=600)
    assert run.returncode == 0, errors


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    for index in range(3):
        videos.plain(folder / f"{index}.mp4", frames=100 + 20 * index)
    (folder / "broken.mp4").write_bytes(b"\0" * 100)
    return folder


@pytest.fixture(scope="module")
def undisturbed(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[object]]:
    root = tmp_path_factory.mktemp("undisturbed")
    finish(score(archive, root))
    found = tables(root)
    assert len(found["videos"]) == 4
    assert len(found["repetitions"]) > 12
    assert len(found["failures"]) == 1
    return found  # type: ignore[return-value]


def pose_files(root: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in root.glob("poses/**/*.parquet")}


def test_the_driver_is_killed_three_times(
    archive: Path, undisturbed: dict[str, list[object]], chance: random.Random, tmp_path: Path
) -> None:
    for already in range(3):
        run = score(archive, tmp_path)
        # Strike at a random moment after this run has added to the store, or has ended.
        limit_s = time.monotonic() + 300
        while run.poll() is None and len(pose_files(tmp_path)) <= already:
            assert time.monotonic() < limit_s, "nothing was written within five minutes"
            time.sleep(0.05)
        time.sleep(chance.uniform(0, 1.5))
        run.kill()
        run.communicate()
    kept = pose_files(tmp_path)
    finish(score(archive, tmp_path))
    assert tables(tmp_path) == undisturbed
    after = pose_files(tmp_path)
    assert all(after[name] == written for name, written in kept.items()), "done work is not redone"


def test_an_actor_is_killed(
    archive: Path, undisturbed: dict[str, list[object]], chance: random.Random, tmp_path: Path
) -> None:
    run = score(archive, tmp_path)
    limit_s = time.monotonic() + 300
    killed = None
    while killed is None and run.poll() is None:
        assert time.monotonic() < limit_s, "no worker was seen within five minutes"
        time.sleep(0.1)
        workers = workers_of(run.pid)
        if workers and pose_files(tmp_path):
            killed = chance.choice(workers)
            os.kill(killed, signal.SIGKILL)
    assert killed is not None
    finish(run)
    assert tables(tmp_path) == undisturbed


def workers_of(driver: int) -> list[int]:
    """The pose workers of a run, by the session that all its processes belong to."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            title = (entry / "cmdline").read_bytes()
            session = int((entry / "stat").read_text().rpartition(")")[2].split()[3])
        except (OSError, ValueError):
            continue
        if session == driver and title.startswith(b"ray::Worker"):
            found.append(int(entry.name))
    return found


def test_a_finished_run_changes_nothing(
    archive: Path, undisturbed: dict[str, list[object]], tmp_path: Path
) -> None:
    finish(score(archive, tmp_path))
    written = pose_files(tmp_path)
    commits = sorted(str(path) for path in tmp_path.glob("tables/[!r]*/_delta_log/*.json"))
    finish(score(archive, tmp_path))
    assert pose_files(tmp_path) == written
    assert sorted(str(p) for p in tmp_path.glob("tables/[!r]*/_delta_log/*.json")) == commits
    assert tables(tmp_path) == undisturbed
