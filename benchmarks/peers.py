"""Clips to pose rows in Parquet: repscore against Ray Data, Daft and a process pool, in one run.

    pip install -e '.[peers]'
    python -m benchmarks.peers CLIPS... [--rounds 3] [--sides pool ray_data daft repscore]

Every side has the same MediaPipe estimator, decoder, sampling and one worker per core; the last
one is repscore with its own engine. repscore also cuts repetitions, scores them and commits tables
meanwhile. The sides take turns, each in a process of its own. Start-up is the time until the first
worker begins with a clip; the ratio is of the frames per second after it, to the process pool.
Lines of user code are those of the functions that only this side needs.
"""

import argparse
import inspect
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from benchmarks.machine import describe, existing_file
from repscore.models.mediapipe import MediaPipeEstimator
from repscore.transforms.pose.decode import Decoder

SAMPLE_FPS = 15.0
CORES = len(os.sched_getaffinity(0))
Row = dict[str, Any]


class Poses:
    """The poses of one clip after another; all sides but repscore share it."""

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        self._estimator = MediaPipeEstimator()

    def rows(self, clip: str) -> list[Row]:
        """A row for each sampled frame; `at_s` is the monotonic time of the machine."""
        begun_s = time.monotonic()
        self._estimator.start()
        rows = []
        with Decoder(clip, sample_fps=SAMPLE_FPS) as decoder:
            for frame in decoder:
                people = self._estimator.track(frame.bgr, frame.time_s)
                rows.append(
                    {
                        "clip": clip,
                        "time_s": frame.time_s,
                        "landmarks_px": people.image_px.ravel().tolist(),
                        "landmarks_m": people.world_m.ravel().tolist(),
                        "visibility": people.visibility.ravel().tolist(),
                        "at_s": begun_s,
                    }
                )
        return rows


_poses: Poses | None = None  # in a process of the pool


def _start_poses() -> None:
    global _poses
    _poses = Poses()


def _write_poses(clip: str, folder: str) -> None:
    assert _poses is not None
    name = f"{Path(clip).stem}-{abs(hash(clip)):x}.parquet"
    pq.write_table(pa.Table.from_pylist(_poses.rows(clip)), Path(folder, name))


def process_pool(clips: Sequence[str], folder: str) -> None:
    """The standard library alone."""
    context = get_context("spawn")
    with ProcessPoolExecutor(CORES, context, initializer=_start_poses) as pool:
        list(pool.map(_write_poses, clips, [folder] * len(clips)))


class RayPoses(Poses):
    """An actor of Ray Data."""

    def __call__(self, batch: dict[str, Any]) -> pa.Table:
        """A batch of one clip to its rows."""
        return pa.Table.from_pylist([row for clip in batch["clip"] for row in self.rows(clip)])


def ray_data(clips: Sequence[str], folder: str) -> None:
    """Ray Data: `map_batches` over a class of actors."""
    import ray

    ray.init(
        num_cpus=CORES, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    clips_there = ray.data.from_items(
        [{"clip": clip} for clip in clips], override_num_blocks=len(clips)
    )
    poses = clips_there.map_batches(RayPoses, batch_size=1, concurrency=CORES, num_cpus=1)
    poses.write_parquet(folder)
    ray.shutdown()


def daft_udf(clips: Sequence[str], folder: str) -> None:
    """Daft: a class of user-defined functions in processes."""
    import daft  # pyright: ignore[reportMissingImports] - an extra

    numbers = daft.DataType.list(daft.DataType.float32())
    row = daft.DataType.struct(
        {
            "clip": daft.DataType.string(),
            "time_s": daft.DataType.float64(),
            "landmarks_px": numbers,
            "landmarks_m": numbers,
            "visibility": numbers,
            "at_s": daft.DataType.float64(),
        }
    )

    @daft.cls(max_concurrency=CORES, use_process=True)
    class DaftPoses(Poses):
        @daft.method(return_dtype=daft.DataType.list(row))
        def __call__(self, clip: str) -> list[Row]:
            return self.rows(clip)

    poses = DaftPoses()
    rows = daft.from_pydict({"clip": list(clips)}).into_batches(1).select(poses(daft.col("clip")))
    each = rows.column_names[0]
    rows.explode(each).select(daft.col(each).unnest()).write_parquet(folder)


PEERS: Mapping[str, tuple[Callable[[Sequence[str], str], None], Sequence[Any]]] = {
    "pool": (process_pool, (process_pool, _start_poses, _write_poses)),
    "ray_data": (ray_data, (ray_data, RayPoses)),
    "daft": (daft_udf, (daft_udf,)),
}
"""What runs, and what its user writes beside `Poses`."""
OURS = {"repscore_mediapipe": "mediapipe", "repscore": "blazepose"}


def peer(name: str, clips: Sequence[str]) -> tuple[float, float, int]:
    """Frames per second after the start-up, seconds of the start-up, frames."""
    with tempfile.TemporaryDirectory() as folder:
        begun_s = time.monotonic()
        _run([sys.executable, "-m", "benchmarks.peers", *clips, "--only", name, "--to", folder])
        ended_s = time.monotonic()
        begins_s = ds.dataset(folder, format="parquet").to_table(columns=["at_s"])["at_s"]
    first_s = float(begins_s.to_numpy().min())
    return len(begins_s) / (ended_s - first_s), first_s - begun_s, len(begins_s)


def ours(name: str, clips: Sequence[str]) -> tuple[float, float, int]:
    """The same of `repscore score`, which goes on from poses to tables."""
    with tempfile.TemporaryDirectory() as folder:
        score = [sys.executable, "-m", "repscore.pipelines", "score", *clips, "-o", folder]
        begun_s = time.monotonic()
        row = json.loads(_run([*score, "--estimator", OURS[name], "--json"]))
        wall_s = time.monotonic() - begun_s
    start_up_s = wall_s - row["wall_s"] + row["start_up_s"]
    return row["frames"] / (wall_s - start_up_s), start_up_s, row["frames"]


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(  # noqa: S603
        command, check=True, capture_output=True, text=True
    )
    return done.stdout


def lines_of(objects: Sequence[Any]) -> int:
    """Lines of code of functions and classes, without blank lines and docstrings of one line."""
    lines = "".join(inspect.getsource(part) for part in objects).splitlines()
    return sum(bool(line.strip()) and not line.strip().startswith('"""') for line in lines)


def main() -> None:
    """Print all sides and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+", type=existing_file)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sides", nargs="+", choices=[*PEERS, *OURS], default=[*PEERS, *OURS])
    parser.add_argument("--only", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--to", help=argparse.SUPPRESS)
    options = parser.parse_args()
    clips = [str(clip.absolute()) for clip in options.clips]
    if options.only:
        PEERS[options.only][0](clips, options.to)
        return
    print(describe())
    print(f"{len(clips)} clips, {CORES} workers")
    results: dict[str, list[tuple[float, float, int]]] = {name: [] for name in options.sides}
    for _ in range(options.rounds):
        for name, taken in results.items():
            taken.append(peer(name, clips) if name in PEERS else ours(name, clips))
    baseline = statistics.median(fps for fps, _, _ in next(iter(results.values())))
    print(f"{'':22}frames  frames/s   ratio  start-up s  lines of user code")
    for name, taken in results.items():
        fps, start_up_s = (
            statistics.median(values) for values in list(zip(*taken, strict=True))[:2]
        )
        lines = lines_of(PEERS[name][1]) + lines_of([Poses]) if name in PEERS else "1 command"
        print(
            f"{name:22}{taken[0][2]:6}{fps:10.1f}{fps / baseline:8.2f}{start_up_s:12.1f}  {lines}"
        )


if __name__ == "__main__":
    main()
