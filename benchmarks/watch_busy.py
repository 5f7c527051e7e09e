"""Whether `watch` keeps a pool busy that is larger than what its runner holds at once.

`watch_busy.py`: twelve actors of a tenth of a CPU, whose estimator sleeps a second per clip. Each
writes down when it works; the peak and the mean of how many do at once are printed. Beside it, how
many segments waited at most: handed over to the pool, and held by no actor.
"""

import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from machine import describe

from repscore.models.estimator import EstimatorConfig, People
from repscore.pipelines.options import RunnerConfig, ScoreOptions
from repscore.pipelines.watch import run
from repscore.transforms.pose.pool import shared_pool
from repscore.transforms.pose.pool_plan import PoolConfig
from repscore.transforms.records import PoseConfig
from repscore.transforms.watch.watched_inputs import WatchConfig

ACTORS, CLIPS = 12, 144
_DEFAULT = EstimatorConfig()


class Sleeper:
    """Sees nobody, and takes a second for it."""

    topology = "blazepose33"

    def __init__(self, config: EstimatorConfig = _DEFAULT) -> None:
        self.identity = self.identity_of(config)

    @classmethod
    def identity_of(cls, config: EstimatorConfig) -> dict[str, str]:
        """Who it is."""
        return {"estimator": "sleeper", "model": config.model}

    @classmethod
    def require(cls, config: EstimatorConfig) -> None:
        """Needs nothing."""

    def start(self) -> None:
        """Nothing to load."""

    def track(self, frame_bgr: Any, time_s: float) -> People:  # noqa: ARG002 - the protocol
        """Sleep; the span goes into the file that is named in the environment."""
        begun_s = time.monotonic()
        time.sleep(1)
        with Path(os.environ["SLEEPER_LOG"]).open("a") as file:
            file.write(f"{begun_s} {time.monotonic()}\n")
        nothing = np.zeros((0, 33, 3), np.float32)
        return People(np.zeros(0, np.int32), nothing, nothing, nothing[..., 0])

    def close(self) -> None:
        """Nothing to close."""


def main() -> None:
    """Print the peaks in flight and waiting."""
    print(describe())
    with tempfile.TemporaryDirectory() as place:
        folder, log = Path(place, "clips"), Path(place, "log")
        folder.mkdir()
        noise = np.random.default_rng(0)
        for number in range(CLIPS):
            form = cv2.VideoWriter.fourcc(*"mp4v")
            writer = cv2.VideoWriter(str(folder / f"{number}.mp4"), form, 10, (64, 48))
            writer.write(noise.integers(0, 256, (48, 64, 3), np.uint8))
            writer.release()
        # Ray's workers inherit both.
        path = (str(Path(__file__).parent), os.environ.get("PYTHONPATH"))
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, path))
        os.environ["SLEEPER_LOG"] = str(log)
        options = ScoreOptions(
            inputs=(str(folder),),
            output=str(Path(place, "out")),
            poses=PoseConfig(estimator="watch_busy:Sleeper"),
            pool=PoolConfig(actors=ACTORS, cpus=0.1),
            runner=RunnerConfig("prism"),
        )
        pool = shared_pool(options.poses, options.output, options.pool)
        waiting, over = [0], threading.Event()

        def look() -> None:
            while not over.wait(0.01):
                waiting.append(pool.status().waiting)

        looking = threading.Thread(target=look)
        looking.start()
        watching = WatchConfig(options.inputs, every_s=1.0, until_idle_s=2.0)
        run(options, watching, grace_s=60.0, quiet=True, as_json=False)
        over.set()
        looking.join()
        spans = [tuple(map(float, line.split())) for line in log.read_text().splitlines()]
    at_once = [sum(a <= begun < b for a, b in spans) for begun, _ in sorted(spans)]
    steady = at_once[at_once.index(max(at_once)) :]
    print(
        f"{len(spans)} segments, {ACTORS} actors: peak {max(at_once)} in flight; from then on, "
        f"whenever one began, {sum(steady) / len(steady):.1f} in the mean; "
        f"{max(waiting)} waiting at most"
    )


if __name__ == "__main__":
    main()
