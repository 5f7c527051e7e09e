"""A watched folder on the real Prism: what arrives how it likes ends in the rows of `score`."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import keypoints
import pytest
import streams
import videos
from rows import TABLES, rows

from repscore.pipelines.query import QueryError

FAKES = ("--estimator", "fakes:ArmRaiser", "--actors", "2", "--cpus-per-actor", "0.5")
CUT = ("--segment-seconds", "5")


def start(command: str, archive: Path, root: Path, *options: str) -> "subprocess.Popen[str]":
    told = [sys.executable, "-m", "repscore.pipelines", command, str(archive), "-o", str(root)]
    return subprocess.Popen(
        [*told, *FAKES, *CUT, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip


def watch(archive: Path, root: Path, *options: str) -> "subprocess.Popen[str]":
    return start("watch", archive, root, "--every", "1", "--json", *options)


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


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("clips")
    return [videos.plain(folder / f"{i}.mp4", frames=100 + 13 * i) for i in range(5)]


def test_what_arrives_anyhow_ends_as_score_would_have_it(clips: list[Path], tmp_path: Path) -> None:
    archive, root = tmp_path / "archive", tmp_path / "watched"
    archive.mkdir()
    run = watch(archive, root, "--until-idle", "8")
    for name in ("a.mp4", "deleted.mp4"):  # at once
        shutil.copy(clips[len(name) % 2], archive / name)
    shutil.copy(clips[2], archive / "replaced.mp4")
    (archive / "broken.mp4").write_bytes(b"\0" * 100)
    whole = clips[3].read_bytes()
    with (archive / "slow.mp4").open("wb") as file:
        for piece in range(8):
            file.write(whole[piece * len(whole) // 8 : (piece + 1) * len(whole) // 8])
            file.flush()
            time.sleep(0.4)
    until(lambda: listed(root, "replaced.mp4") and listed(root, "deleted.mp4"), run)
    shutil.copy(clips[4], archive / "replaced.mp4")
    shutil.copy(archive / "a.mp4", archive / "b-copy.mp4")
    (archive / "deleted.mp4").unlink()
    output, errors = finish(run)
    assert len(output.splitlines()) >= 3, "a line per commit, and one for the run"
    assert "Traceback" not in errors

    expected = tmp_path / "scored"
    finish(start("score", archive, expected, "--quiet"))
    for table in TABLES:
        assert rows(root, table, but="deleted.mp4") == rows(expected, table), table
    assert listed(root, "deleted.mp4"), "its rows are kept"
    assert len(rows(root, "failures")) == 1, "a piece was never taken for the whole"


def test_killed_at_any_moment_it_goes_on(clips: list[Path], tmp_path: Path) -> None:
    archive, root, expected = tmp_path / "archive", tmp_path / "watched", tmp_path / "scored"
    archive.mkdir()
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 - to repeat a failure
    rng = random.Random(seed)
    for index, clip in enumerate(clips):
        shutil.copy(clip, archive / f"{index}.mp4")
        run = watch(archive, root)
        time.sleep(rng.uniform(3, 14))
        run.kill()
        run.communicate()
    finish(watch(archive, root, "--until-idle", "3"))
    finish(start("score", archive, expected, "--quiet"))
    for table in TABLES:
        assert rows(root, table) == rows(expected, table), table


def test_sigterm_finishes_what_is_under_way(clips: list[Path], tmp_path: Path) -> None:
    archive, root = tmp_path / "archive", tmp_path / "watched"
    archive.mkdir()
    shutil.copy(clips[0], archive / "a.mp4")
    run = watch(archive, root)
    until(lambda: bool(list(root.glob("poses/**/*.parquet"))), run)
    run.send_signal(signal.SIGTERM)
    finish(run)
    assert listed(root, "a.mp4")


def test_prism_killed_is_one_line_and_the_next_start_goes_on(
    clips: list[Path], tmp_path: Path
) -> None:
    archive, root = tmp_path / "archive", tmp_path / "watched"
    archive.mkdir()
    shutil.copy(clips[0], archive / "a.mp4")
    run = watch(archive, root)
    until(lambda: listed(root, "a.mp4"), run)
    shutil.copy(clips[1], archive / "b.mp4")
    (prism,) = children(run.pid, "prism")
    subprocess.run(["kill", "-9", str(prism)], check=True)  # noqa: S607
    _, errors = finish(run, status=1)
    assert "Prism was killed by signal 9" in errors
    assert "the same command goes on" in errors
    assert "Traceback" not in errors
    finish(watch(archive, root, "--until-idle", "3"))
    assert listed(root, "b.mp4")


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


def test_streams_become_recordings(tmp_path: Path) -> None:
    """A growing folder of OpenPose, and chunks that come in no order, one of them never."""
    archive, root = tmp_path / "archive", tmp_path / "watched"
    archive.mkdir()
    run = watch(archive, root, "--streams", "--until-idle", "5", "--fps", "10")
    frames = keypoints.raises(tmp_path / "frames", 30.0, fps=10.0, name="cam_")
    for number in (0, 2, 1, 4):
        streams.write_chunk(archive, number)
    for number, frame in enumerate(sorted(frames.iterdir())):
        frame.rename(archive / frame.name)
        if number % 60 == 59:
            time.sleep(1)
    (archive / "live.5.keypoints.npz.end").touch()
    output, errors = finish(run)
    assert "Traceback" not in errors
    found = {Path(str(row[1])).name: row for row in rows(root, "videos")}
    assert sorted(found) == ["cam_%d_keypoints.json#0-299@0-", "live.%d.keypoints.npz#0-4@0-"]
    (failure,) = rows(root, "failures")
    assert "chunks 3 to 3 never came" in str(failure)
    counts = Counter(Path(str(row[1])).name.partition(".")[0] for row in rows(root, "repetitions"))
    assert counts["cam_%d_keypoints"] == 15, "thirty seconds of raises that last two each"
    assert counts["live"] >= 8, "twenty seconds with a hole of five"
    assert json.loads(output.splitlines()[-1])["videos"] == 2
    output, _ = finish(watch(archive, root, "--streams", "--until-idle", "2", "--fps", "10"))
    assert json.loads(output.splitlines()[-1])["repetitions"] == 0, "what is held is behind us"
