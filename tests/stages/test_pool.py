"""The pose pool: what happens to segments whose worker dies, hangs or fails."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import videos
from videos import segment_of

from repscore.transforms.pose import pool as pool_module
from repscore.transforms.pose.pool import PoolBroken, PosePool
from repscore.transforms.pose.pool_jobs import Job
from repscore.transforms.pose.pool_plan import PoolConfig
from repscore.transforms.pose.store import find
from repscore.transforms.pose.streams import StreamsStatus
from repscore.transforms.records import PoseConfig, SegmentPoses


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PosePool]:
    root = str(tmp_path_factory.mktemp("dataset"))
    poses = PoseConfig(estimator="fakes:Poisoned", sample_fps=None)
    pool = PosePool(poses, root, PoolConfig(actors=2, cpus=0.5, segment_timeout_s=5))
    yield pool
    pool.close()


def outcome(pool: PosePool, path: Path) -> SegmentPoses:
    return pool.submit(segment_of(path)).result(timeout=120)


def test_a_segment_becomes_a_file(pool: PosePool, tmp_path: Path) -> None:
    done = outcome(pool, videos.plain(tmp_path / "good.mp4"))
    assert (done.frames, done.frames_with_person, done.failures) == (20, 20, ())
    assert done.path is not None
    assert find(done.path) is not None


def test_a_segment_in_the_store_is_not_estimated_again(pool: PosePool, tmp_path: Path) -> None:
    path = videos.plain(tmp_path / "twice.mp4")
    first, second = outcome(pool, path), outcome(pool, path)
    assert first.busy_s > 0 == second.busy_s
    assert first.path == second.path


def test_frames_of_a_segment_count_once_before_its_actor_reports_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle = PosePool(PoseConfig(estimator="fakes:Poisoned"), str(tmp_path), PoolConfig())
    job = Job(segment_of(videos.plain(tmp_path / "good.mp4")))
    actor = pool_module._Actor(StreamsStatus(1, frames=25), jobs=[job])
    idle._actors.append(actor)
    monkeypatch.setattr(pool_module.ray, "get", lambda reference: reference)
    idle._finish(actor, job, SegmentPoses(job.segment, "1", "poses", frames=20, busy_s=1.0))
    assert idle.status().frames == 25


def test_a_death_is_quarantined_after_two_tries(pool: PosePool, tmp_path: Path) -> None:
    done = outcome(pool, videos.plain(tmp_path / "deadly.mp4", videos.WHITE))
    assert done.path is None
    (failure,) = done.failures
    assert (failure.error_class, failure.attempts) == ("WorkerDied", 2)
    assert "replay" in failure.message


def test_a_hang_is_quarantined_after_two_tries(pool: PosePool, tmp_path: Path) -> None:
    done = outcome(pool, videos.plain(tmp_path / "endless.mp4", videos.RED))
    (failure,) = done.failures
    assert (failure.error_class, failure.attempts) == ("SegmentTimeout", 2)


def test_an_error_names_its_class_and_spares_the_worker(pool: PosePool, tmp_path: Path) -> None:
    done = outcome(pool, videos.plain(tmp_path / "bug.mp4", videos.BLUE))
    (failure,) = done.failures
    assert failure.error_class == "ZeroDivisionError"
    assert "a bug in the estimator" in failure.message


def test_bad_segments_do_not_hold_up_good_ones(pool: PosePool, tmp_path: Path) -> None:
    bad = [videos.plain(tmp_path / f"bad{i}.mp4", videos.WHITE) for i in range(2)]
    good = [videos.plain(tmp_path / f"good{i}.mp4", frames=5 + i) for i in range(4)]
    futures = [pool.submit(segment_of(path)) for path in (*bad, *good)]
    frames = [future.result(timeout=120).frames for future in futures]
    assert frames == [0, 0, 5, 6, 7, 8]


def test_what_a_machine_lacks_ends_the_pool_in_its_own_words(tmp_path: Path) -> None:
    poses = PoseConfig(estimator="fakes:LacksClient")
    pool = PosePool(poses, str(tmp_path), PoolConfig(actors=1, cpus=0.5))
    with pytest.raises(PoolBroken, match=r"good\.mp4: Install s3fs to access S3$"):
        outcome(pool, videos.plain(tmp_path / "good.mp4"))
    pool.close()


def test_actors_that_cannot_start_are_nobodys_fault(tmp_path: Path) -> None:
    poses = PoseConfig(estimator="fakes:CannotStart")
    pool = PosePool(poses, str(tmp_path), PoolConfig(actors=1, cpus=0.5))
    path = videos.plain(tmp_path / "good.mp4")
    with ThreadPoolExecutor(5) as threads:  # one place to wait: four stand at the door
        outcomes = [threads.submit(outcome, pool, path) for _ in range(5)]
    for found in outcomes:
        with pytest.raises(PoolBroken, match="no weights here"):
            found.result()
    with pytest.raises(PoolBroken, match="no weights here"):
        pool.submit(segment_of(path))
    pool.close()
