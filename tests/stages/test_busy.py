"""A pool that is larger than what a streaming runner holds at once is kept busy, and no more."""

import threading
from pathlib import Path

import fakes
import videos

from repscore.pipelines.options import RunnerConfig, ScoreOptions
from repscore.pipelines.watch import run
from repscore.transforms.pose.pool_plan import PoolConfig
from repscore.transforms.pose.pools import shared_pool
from repscore.transforms.records import PoseConfig
from repscore.transforms.watch.watched_inputs import WatchConfig

ACTORS = fakes.Together.NUMBER
CLIPS = 3 * ACTORS


def test_every_actor_has_a_segment_and_as_many_wait_at_most(tmp_path: Path) -> None:
    """Each actor's first segment lasts until all actors have one; one that waits in vain fails.

    Waiting are segments that were handed over to the pool and that no actor holds.
    """
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(CLIPS):
        videos.plain(folder / f"{number}.mp4", (7 * number, 255 - 7 * number, 128), frames=1)
    options = ScoreOptions(
        inputs=(str(folder),),
        output=str(tmp_path / "dataset"),
        poses=PoseConfig(estimator="fakes:Together"),
        pool=PoolConfig(actors=ACTORS, cpus=0.1),
        runner=RunnerConfig("prism"),
    )
    pool = shared_pool(options.poses, options.output, options.pool)
    waiting: list[int] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            waiting.append(pool.status().waiting)

    looking = threading.Thread(target=look)
    looking.start()
    watching = WatchConfig(options.inputs, every_s=0.5, until_idle_s=1.0)
    report = run(options, watching, grace_s=60.0, quiet=True, as_json=False)
    over.set()
    looking.join()
    assert (report.row["videos"], report.failed_videos) == (CLIPS, 0)
    assert 0 < max(waiting) <= ACTORS
