"""Many segments in one actor: what ends it is found, and nobody else is blamed."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import ray
import videos
from ray.exceptions import RaySystemError
from videos import segment_of

from repscore.transforms.pose import placement
from repscore.transforms.pose import pool as pool_module
from repscore.transforms.pose.pool import PoolBroken, PosePool
from repscore.transforms.pose.pool_plan import PoolConfig
from repscore.transforms.records import Failure, PoseConfig, SegmentPoses

STREAMS = 16


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[PosePool]:
    poses = PoseConfig(estimator="fakes:Device", sample_fps=None)
    config = PoolConfig(actors=1, cpus=0.5, streams=STREAMS, segment_timeout_s=5)
    pool = PosePool(poses, str(tmp_path / "dataset"), config)
    yield pool
    pool.close()


def with_one(pool: PosePool, folder: Path, rgb: tuple[int, int, int]) -> Sequence[Failure]:
    """The failures of one bad segment that runs among fifteen good ones, which are complete."""
    paths = [videos.plain(folder / f"{n}.mp4", frames=30 + n) for n in range(STREAMS - 1)]
    paths.insert(6, videos.plain(folder / "bad.mp4", rgb, frames=30))
    futures = [pool.submit(segment_of(path)) for path in paths]
    done = wait_for(futures)
    bad = done.pop(6)
    assert [each.frames for each in done] == [30 + n for n in range(STREAMS - 1)]
    assert [each.failures for each in done] == [()] * (STREAMS - 1)
    assert bad.path is None
    return bad.failures


def wait_for(futures: Sequence["Future[SegmentPoses]"]) -> list[SegmentPoses]:
    return [future.result(timeout=120) for future in futures]


@pytest.mark.parametrize(
    ("rgb", "error_class", "attempts"),
    [
        (videos.WHITE, "WorkerDied", 2),
        (videos.GREEN, "DeviceFault", 2),
        (videos.RED, "SegmentTimeout", 2),
        (videos.BLUE, "ZeroDivisionError", 1),
    ],
)
def test_the_one_among_sixteen_is_found(
    pool: PosePool, tmp_path: Path, rgb: tuple[int, int, int], error_class: str, attempts: int
) -> None:
    (failure,) = with_one(pool, tmp_path, rgb)
    assert (failure.error_class, failure.attempts) == (error_class, attempts)


def test_an_actor_without_memory_works_in_smaller_batches(pool: PosePool, tmp_path: Path) -> None:
    paths = [videos.plain(tmp_path / f"{n}.mp4", frames=40) for n in range(2 * STREAMS)]
    futures = [pool.submit(segment_of(path)) for path in paths]
    assert [each.failures for each in wait_for(futures)] == [()] * len(paths)
    (worker,) = pool.status().workers
    assert 2 <= worker.places <= 4
    assert worker.stepped > 0.8 * worker.places * worker.steps


def test_a_killed_actor_costs_work_and_nothing_else(pool: PosePool, tmp_path: Path) -> None:
    paths = [videos.plain(tmp_path / f"{n}.mp4", frames=100) for n in range(STREAMS)]
    futures = [pool.submit(segment_of(path)) for path in paths]
    futures[0].result(timeout=120)
    ray.kill(pool._actors[0].handle)
    done = wait_for(futures)
    assert [(each.frames, each.failures) for each in done] == [(100, ())] * STREAMS


def test_a_device_that_always_fails_is_nobodys_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "_DEVICE_FAULTS", 3)
    poses = PoseConfig(estimator="fakes:LostDevice", sample_fps=None)
    pool = PosePool(poses, str(tmp_path), PoolConfig(actors=1, cpus=0.5, streams=4))
    paths = [videos.plain(tmp_path / f"{n}.mp4") for n in range(8)]
    futures = [pool.submit(segment_of(path)) for path in paths]
    with pytest.raises(PoolBroken, match=r"device of the pose workers fails .* launch failure"):
        wait_for(futures)
    pool.close()


def test_a_pool_grows_with_its_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is room for one actor, then for two; in between its nodes seem to be gone."""
    monkeypatch.setattr(pool_module, "_GROW_S", 0.2)
    rooms = iter([[{"CPU": 0.5}], [{"CPU": 0.5}], [], [{"CPU": 1.0}]])
    monkeypatch.setattr(placement, "resources_of_nodes", lambda: next(rooms, [{"CPU": 1.0}]))
    poses = PoseConfig(estimator="fakes:SlowArmRaiser", sample_fps=None)
    pool = PosePool(poses, str(tmp_path), PoolConfig(cpus=0.5))
    paths = [videos.plain(tmp_path / f"{n}.mp4", frames=150) for n in range(6)]
    with ThreadPoolExecutor(6) as threads:  # more than may wait
        futures = list(threads.map(lambda path: pool.submit(segment_of(path)), paths))
    assert [each.frames for each in wait_for(futures)] == [150] * 6
    assert pool.status().actors == 2
    assert all(worker.steps for worker in pool.status().workers)
    pool.close()


def test_a_kill_that_fails_leaves_no_future_open(
    pool: PosePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [videos.plain(tmp_path / f"{n}.mp4", videos.RED) for n in range(3)]
    futures = [pool.submit(segment_of(path)) for path in paths]

    def fails(_: object) -> None:
        raise RaySystemError("the GCS does not answer")

    monkeypatch.setattr(ray, "kill", fails)
    for future in futures:
        with pytest.raises(PoolBroken, match="does not answer"):
            future.result(timeout=60)
    monkeypatch.undo()
    for actor in pool._actors:
        ray.kill(actor.handle)
