"""Whether `watch` keeps a pool busy that is larger than what its runner holds at once.

    python -m benchmarks.watch_busy [--actors 12] [--clips 144]

Each actor needs a tenth of a CPU; its estimator sleeps for a second per clip and logs when it
works. Printed are the peak and the mean number of actors that work at once, and how many segments
waited at most: handed to the pool, and held by no actor.
"""

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.machine import describe
from repscore.models.estimator import People
from repscore.pipelines.options import RunnerConfig, ScoreOptions
from repscore.pipelines.watch import run
from repscore.transforms.pose.pool_plan import PoolConfig
from repscore.transforms.pose.pools import shared_pool
from repscore.transforms.records import PoseConfig
from repscore.transforms.watch.watched_inputs import WatchConfig
from tests.fakes import Brightness


class Sleeper(Brightness):
    """Takes a second per frame."""

    def track(self, frame_bgr: npt.NDArray[np.uint8], time_s: float) -> People:
        """Sleep; the span goes into the file that the environment names."""
        begun_s = time.monotonic()
        time.sleep(1)
        with Path(os.environ["SLEEPER_LOG"]).open("a") as file:
            file.write(f"{begun_s} {time.monotonic()}\n")
        return super().track(frame_bgr, time_s)


def main() -> None:
    """Print the peaks in flight and waiting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actors", type=int, default=12)
    parser.add_argument("--clips", type=int, default=144)
    arguments = parser.parse_args()
    print(describe())
    with tempfile.TemporaryDirectory() as place:
        folder, log = Path(place, "clips"), Path(place, "log")
        folder.mkdir()
        noise = np.random.default_rng(0)
        for number in range(arguments.clips):
            form = cv2.VideoWriter.fourcc(*"mp4v")
            writer = cv2.VideoWriter(str(folder / f"{number}.mp4"), form, 10, (64, 48))
            writer.write(noise.integers(0, 256, (48, 64, 3), np.uint8))
            writer.release()
        # Ray's workers inherit both.
        path = (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH"))
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, path))
        os.environ["SLEEPER_LOG"] = str(log)
        options = ScoreOptions(
            inputs=(str(folder),),
            output=str(Path(place, "out")),
            poses=PoseConfig(estimator="benchmarks.watch_busy:Sleeper"),
            pool=PoolConfig(actors=arguments.actors, cpus=0.1),
            runner=RunnerConfig("prism"),
        )
        pool = shared_pool(options.poses, options.output, options.pool)
        waiting, over = [0], threading.Event()

        def sample() -> None:
            while not over.wait(0.01):
                waiting.append(pool.status().waiting)

        sampling = threading.Thread(target=sample)
        sampling.start()
        watching = WatchConfig(options.inputs, every_s=1.0, until_idle_s=2.0)
        run(options, watching, grace_s=60.0, quiet=True, as_json=False)
        over.set()
        sampling.join()
        spans = [tuple(map(float, line.split())) for line in log.read_text().splitlines()]
    at_once = [sum(a <= begun < b for a, b in spans) for begun, _ in sorted(spans)]
    steady = at_once[at_once.index(max(at_once)) :]
    print(
        f"{len(spans)} segments, {arguments.actors} actors: peak {max(at_once)} in flight; "
        f"mean from the peak on {sum(steady) / len(steady):.1f}; {max(waiting)} waiting at most"
    )


if __name__ == "__main__":
    main()
