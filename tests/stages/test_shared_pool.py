"""Workers of Beam in processes of their own: one Ray and one pool, which end with the last one."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import processes
import pytest
import videos

from repscore.models.estimator import Unavailable
from repscore.transforms import machine
from repscore.transforms.machine import enter_ray, folder_of_machine, leave_ray
from repscore.transforms.pose.pool_plan import PoolConfig
from repscore.transforms.pose.shared_pool import hold_pool, release_pool
from repscore.transforms.pose.version import estimated_version
from repscore.transforms.records import PoseConfig, Probe, Segment, Video

PROBE = Probe(64, 48, 10.0, 20, 2.0, 0, "mp4v")
POSES = PoseConfig(estimator="fakes:SlowArmRaiser")


def segment(path: Path) -> Segment:
    video = Video(str(path), path.stem, path.stem, path.stat().st_size, "1", (), str(path))
    return Segment(video, 0, 1, 0.0, float("inf"), PROBE)


def work(root: str, *clips: str) -> None:
    """One worker: says which Ray it is in when it waits for its poses, then how many there are."""
    import ray

    pool = hold_pool(POSES, root, PoolConfig(), estimated_version(POSES))
    futures = [pool.submit(segment(Path(clip))) for clip in clips]
    say(ray.get_runtime_context().gcs_address)
    say(*(future.result(timeout=200).frames for future in futures))
    release_pool(pool)


def work_in_turn(root: str, *clips: str) -> None:
    """One worker, three pipelines with a pool each, which takes all CPUs."""
    enter_ray(None)
    for number in range(3):
        work(f"{root}-{number}", *clips)
    leave_ray()


def say(*words: object) -> None:
    sys.stdout.write(f"{' '.join(map(str, words))}\n")
    sys.stdout.flush()


@pytest.fixture
def temporary() -> Iterator[str]:
    """A short path, for Ray's sockets, in which nothing may be left."""
    with tempfile.TemporaryDirectory(prefix="rs-", dir="/tmp") as folder:
        yield folder
        processes.wait_for_end(folder)
        assert not any(Path(folder).iterdir())


def start(temporary: str, function: str, *arguments: str) -> "subprocess.Popen[str]":
    code = f"import test_shared_pool as t; t.{function}(*{arguments!r})"
    path = f"{Path(__file__).parent}:{os.environ['PYTHONPATH']}"
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": temporary, "PYTHONPATH": path},
    )


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_worker_that_is_killed_leaves_its_ray_and_pool_to_the_others(
    temporary: str, tmp_path: Path
) -> None:
    """The first worker starts both, and is killed while both wait; the second one is not."""
    root = str(tmp_path / "dataset")
    clips = [str(videos.plain(tmp_path / f"{name}.mp4", frames=60)) for name in "abcd"]
    with (
        start(temporary, "work", root, *clips[:2]) as first,
        start(temporary, "work", root, *clips[2:]) as second,
    ):
        assert line(first) == line(second) != ""
        first.kill()
        assert line(second) == "60 60"
    assert second.returncode == 0


def test_a_worker_ends_the_pool_of_each_pipeline(temporary: str, tmp_path: Path) -> None:
    clips = [str(videos.plain(tmp_path / f"{name}.mp4", frames=10)) for name in "ab"]
    with start(temporary, "work_in_turn", str(tmp_path / "dataset"), *clips) as worker:
        lines = [line(worker) for _ in range(6)]
    assert lines[1::2] == ["10 10"] * 3
    assert len(set(lines[::2])) == 1
    assert worker.returncode == 0


def test_a_place_that_others_can_enter_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "TEMPORARY", str(tmp_path))
    folder = folder_of_machine()
    assert folder == folder_of_machine()
    folder.chmod(0o777)
    with pytest.raises(Unavailable, match=f"{folder}: expected a folder that only this user"):
        folder_of_machine()
