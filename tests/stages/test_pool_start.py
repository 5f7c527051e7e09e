"""What the pose pool does where Ray has no place for it, or ends: it ends in one line."""

import subprocess
import sys
from pathlib import Path

import pytest
import ray
import videos

from repscore.transforms.cluster import start_ray
from repscore.transforms.pose.pool import PoolBroken, PosePool
from repscore.transforms.pose.pool_plan import PoolConfig
from repscore.transforms.records import PoseConfig, Probe, Segment, Video

PROBE = Probe(64, 48, 10.0, 20, 2.0, 0, "mp4v")


def segment(path: Path) -> Segment:
    video = Video(str(path), path.stem, path.stem, path.stat().st_size, "1", (), str(path))
    return Segment(video, 0, 1, 0.0, float("inf"), PROBE)


def test_a_full_cluster_ends_in_one_line_and_a_part_of_it_works(tmp_path: Path) -> None:
    """All CPUs are held by another job; then one is free for two workers that want one each."""
    start_ray()
    cpus = int(ray.cluster_resources()["CPU"])
    path = videos.plain(tmp_path / "good.mp4")
    others = [held.remote() for held in [ray.remote(num_cpus=1)(Held)] * cpus]
    ray.get([other.hold.remote() for other in others], timeout=60)
    full = PosePool(
        PoseConfig(estimator="fakes:Brightness"),
        str(tmp_path / "full"),
        PoolConfig(actors=2, start_timeout_s=2),
    )
    with pytest.raises(PoolBroken, match=rf"within 2 s: asked for 2 .* {cpus} CPUs \(0 free\)"):
        full.submit(segment(path)).result(timeout=60)
    full.close()

    ray.kill(others.pop())
    part = PosePool(
        PoseConfig(estimator="fakes:Brightness"),
        str(tmp_path / "part"),
        PoolConfig(actors=2, start_timeout_s=60),
    )
    paths = [videos.plain(tmp_path / f"{number}.mp4", frames=5 + number) for number in range(4)]
    futures = [part.submit(segment(path)) for path in paths]
    assert [future.result(timeout=120).frames for future in futures] == [5, 6, 7, 8]
    part.close()
    for other in others:
        ray.kill(other)


class Held:
    """Another job's share of the cluster."""

    def hold(self) -> None:
        pass


@pytest.mark.parametrize("kind", ["raylet", "gcs_server"])
def test_a_ray_that_ends_breaks_the_pool(kind: str, tmp_path: Path) -> None:
    videos.plain(tmp_path / "long.mp4", frames=600)
    code = f"""
import os, signal, sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from repscore.transforms.processes import descendants
from test_pool_start import *
poses = PoseConfig(estimator="fakes:SlowArmRaiser")
pool = PosePool(poses, {str(tmp_path)!r}, PoolConfig(actors=1))
future = pool.submit(segment(Path({str(tmp_path / "long.mp4")!r})))
while not pool.status().frames:
    time.sleep(0.1)
(service,) = (
    number for number, _ in descendants(os.getpid())
    if Path("/proc", str(number), "cmdline").read_text().partition("\\0")[0].endswith("/{kind}")
)
os.kill(service, signal.SIGKILL)
try:
    future.result(timeout=60)
except PoolBroken as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=False
    )
    assert f"Ray's {kind} ended" in done.stdout, done.stderr
