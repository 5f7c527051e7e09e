"""A watched folder on the real Prism: what arrives how it likes ends in the rows of `score`."""

import json
import os
import pty
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import keypoints
import pytest
import ray
import streams
import videos
from rows import TABLES, Rows, rows, tables

from repscore.pipelines import score
from repscore.pipelines.demo.cast import CAST
from repscore.pipelines.demo.render import render_clip
from repscore.pipelines.options import ScoreOptions
from repscore.pipelines.query import QueryError
from repscore.transforms.cluster import start_ray
from repscore.transforms.pose.pool_plan import PoolConfig
from repscore.transforms.records import PoseConfig

FAKE = "fakes:ArmRaiser"


def watch(
    archive: Path, root: Path, *options: str, errors: int = subprocess.PIPE
) -> "subprocess.Popen[str]":
    """`repscore watch`, with lines for machines unless `errors` is a terminal's file."""
    command = [sys.executable, "-m", "repscore.pipelines", "watch", str(archive), "-o", str(root)]
    command += ["--every", "1", "--segment-seconds", "5", "--actors", "2", "--cpus-per-actor", ".5"]
    command += ["--scorer", "none", *["--json"] * (errors == subprocess.PIPE)]
    return subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=errors, text=True,
        start_new_session=True,
    )  # fmt: skip


def scored(archive: Path, root: Path, estimator: str) -> dict[str, Rows]:
    """The tables that `score` makes of the folder as it is."""
    poses = PoseConfig(estimator=estimator, segment_s=5.0)
    pool = PoolConfig(actors=2, cpus=0.5)
    score.run(ScoreOptions((str(archive),), str(root), poses=poses, pool=pool), quiet=True)
    return tables(root)


def finish(run: "subprocess.Popen[str]", status: int = 0) -> tuple[str, str]:
    output, errors = run.communicate(timeout=400)
    assert run.returncode == status, errors
    return output, errors


def until(holds: Callable[[], bool], run: "subprocess.Popen[str]") -> None:
    limit_s = time.monotonic() + 200
    while not holds():
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < limit_s, "it did not happen within 200 s"
        time.sleep(0.2)


def listed(root: Path, name: str) -> bool:
    try:
        return any(str(row[1]).endswith(name) for row in rows(root, "videos"))
    except QueryError:
        return False


def pose_files(root: Path) -> int:
    return len(list(root.glob("poses/**/*.parquet")))


@pytest.fixture(scope="module")
def ray_address() -> str:
    """The Ray of this process, for those runs that need not start their own."""
    start_ray()
    return str(ray.get_runtime_context().gcs_address)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("clips")
    return [videos.plain(folder / f"{i}.mp4", frames=100 + 13 * i) for i in range(5)]


@pytest.fixture(scope="module")
def rendered_clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Six athletes of the demo, small, with three repetitions each."""
    folder = tmp_path_factory.mktemp("rendered_clips")
    performances = [one for one in CAST if not one.reference and one.exercise != "push_up"][:6]
    paths = []
    for number, one in enumerate(performances):
        camera = replace(one.camera, width_px=240, height_px=320)
        paths.append(folder / f"{number}.mp4")
        render_clip(paths[-1], replace(one.motion, repetitions=3), one.look, camera, fps=15.0)
    return paths


def test_what_arrives_anyhow_ends_as_score_would_have_it(
    rendered_clips: list[Path], tmp_path: Path
) -> None:
    """Over a minute: see the names of the files."""
    archive, root = tmp_path / "archive", tmp_path / "watched"
    archive.mkdir()
    run = watch(archive, root, "--every", "2", "--until-idle", "10")
    for number, name in enumerate(("a.mp4", "deleted.mp4", "replaced.mp4")):  # at once
        shutil.copy(rendered_clips[number], archive / name)
    (archive / "broken.mp4").write_bytes(b"\0" * 100)
    until(lambda: listed(root, "replaced.mp4") and listed(root, "deleted.mp4"), run)
    shutil.copy(rendered_clips[4], archive / "replaced.mp4")
    shutil.copy(archive / "a.mp4", archive / "b-copy.mp4")
    (archive / "deleted.mp4").unlink()
    whole = rendered_clips[3].read_bytes()
    with (archive / "slow.mp4").open("wb") as file:
        for piece in range(30):
            file.write(whole[piece * len(whole) // 30 : (piece + 1) * len(whole) // 30])
            file.flush()
            time.sleep(0.5)
    until(lambda: listed(root, "slow.mp4") and listed(root, "b-copy.mp4"), run)
    shutil.copy(rendered_clips[5], archive / "last.mp4")
    output, errors = finish(run)
    *commits, summary = map(json.loads, output.splitlines())
    assert len(commits) >= 3
    assert sum(commit["failed"] for commit in commits) == 1
    assert set(commits[-1]["state"].values()) == {0}, "nothing is kept when all is done"
    assert summary["videos"] == sum(commit["videos"] for commit in commits)
    assert "Traceback" not in errors

    expected = scored(archive, tmp_path / "scored", "blazepose")
    for table in TABLES:
        assert rows(root, table, but="deleted.mp4") == expected[table], table
    assert listed(root, "deleted.mp4"), "its rows are kept"
    assert len(expected["repetitions"]) >= 12, "three each of five athletes, mostly found"
    assert len(rows(root, "failures")) == 1, "a piece was never taken for the whole"


def test_killed_at_any_moment_it_goes_on(
    clips: list[Path], ray_address: str, chance: random.Random, tmp_path: Path
) -> None:
    archive, root = tmp_path / "archive", tmp_path / "watched"
    archive.mkdir()
    options = ("--estimator", FAKE, "--ray-address", ray_address)
    for index, clip in enumerate(clips):
        shutil.copy(clip, archive / f"{index}.mp4")
        run = watch(archive, root, *options)
        time.sleep(chance.uniform(2, 12))
        run.kill()
        run.communicate()
    finish(watch(archive, root, *options, "--until-idle", "3"))
    assert tables(root) == scored(archive, tmp_path / "scored", FAKE)


def test_prism_killed_is_one_line_and_sigterm_finishes_what_is_under_way(
    clips: list[Path], tmp_path: Path
) -> None:
    archive, root = tmp_path / "archive", tmp_path / "watched"
    archive.mkdir()
    shutil.copy(clips[0], archive / "a.mp4")
    run = watch(archive, root, "--estimator", FAKE)
    until(lambda: listed(root, "a.mp4"), run)
    shutil.copy(clips[1], archive / "b.mp4")
    (prism,) = children(run.pid, "prism")
    subprocess.run(["kill", "-9", str(prism)], check=True)  # noqa: S607
    _, errors = finish(run, status=1)
    assert "Prism was killed by signal 9" in errors
    assert "the same command continues" in errors
    assert "Traceback" not in errors

    shutil.copy(clips[2], archive / "c.mp4")
    before = pose_files(root)
    with terminal() as (screen, shown):
        run = watch(archive, root, "--estimator", FAKE, errors=screen)
        until(lambda: pose_files(root) > before, run)
        run.send_signal(signal.SIGTERM)
        finish(run)
        shown_counts = re.findall(
            r"arrived (\d), waiting \d, in progress \d, done \d, failed 0", shown()
        )
    assert listed(root, "b.mp4")
    assert shown_counts[0] == "0"
    assert shown_counts == sorted(shown_counts)
    assert shown_counts[-1] in "12", "it stopped before or after it had seen both"


@contextmanager
def terminal() -> Iterator[tuple[int, Callable[[], str]]]:
    """A file that writes to a terminal, and what was written to it so far."""
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    found = b""

    def shown() -> str:
        nonlocal found
        while True:
            try:
                found += os.read(ours, 1 << 16)
            except BlockingIOError:
                return found.decode()

    try:
        yield theirs, shown
    finally:
        os.close(ours)
        os.close(theirs)


def children(parent: int, name: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            title = (entry / "cmdline").read_bytes().split(b"\0")[0].decode()
        except (OSError, ValueError):
            continue
        if fields[1] == str(parent) and Path(title).name.startswith(name):
            found.append(int(entry.name))
    return found


def test_streams_become_recordings_and_a_kill_changes_nothing(
    ray_address: str, chance: random.Random, tmp_path: Path
) -> None:
    """A growing folder of OpenPose, and chunks that come in no order, one of them never.

    Killed when one recording is committed and two are open; more comes before the next start.
    """
    archive, root = tmp_path / "archive", tmp_path / "watched"
    archive.mkdir()
    options = ("--streams", "--fps", "10", "--ray-address", ray_address)
    frames = keypoints.raises(tmp_path / "frames", 30.0, fps=10.0, name="cam_")
    coming = sorted(frames.iterdir())
    run = watch(archive, root, *options)
    for number in (0, 2, 1):
        streams.write_chunk(archive, number)
    (archive / "live.3.keypoints.npz.end").touch()
    until(lambda: listed(root, "#0-2@0-"), run)
    for number in (5, 4):
        streams.write_chunk(archive, number)
    for frame in coming[:150]:
        frame.rename(archive / frame.name)
    time.sleep(chance.uniform(0, 4))
    run.kill()
    run.communicate()
    for frame in coming[150:]:
        frame.rename(archive / frame.name)
    streams.write_chunk(archive, 7)
    (archive / "live.8.keypoints.npz.end").touch()
    output, errors = finish(watch(archive, root, *options, "--until-idle", "5"))
    assert json.loads(output.splitlines()[-1])["videos"] == 2, "what is held is behind us"
    assert "Traceback" not in errors
    assert sorted(Path(str(row[1])).name for row in rows(root, "videos")) == [
        "cam_%d_keypoints.json#0-299@0-",
        "live.%d.keypoints.npz#0-2@0-",
        "live.%d.keypoints.npz#4-7@20-",
    ]
    (failure,) = rows(root, "failures")
    assert "chunks 6 to 6 never came" in str(failure)
    counts = Counter(Path(str(row[1])).name.partition(".")[0] for row in rows(root, "repetitions"))
    assert counts["cam_%d_keypoints"] == 15, "thirty seconds of raises that last two each"
    assert counts["live"] >= 13, "fifteen seconds, and fifteen with a hole of five"

    undisturbed = tmp_path / "undisturbed"
    finish(watch(archive, undisturbed, *options, "--until-idle", "1"))
    assert tables(root) == tables(undisturbed)
