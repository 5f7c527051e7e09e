"""From a clip's arrival in a watched folder to its rows being visible, and where the time goes.

    python -m benchmarks.latency CLIP [--times 5]

Copies of the clip (one segment) arrive in the folder, first one after the other (idle), then all
at once (under load). Each copy is made unique by bytes behind its end. Detection lasts from the
arrival until `watch` takes the clip. Queue: until an actor begins with it. Poses: until its pose
file exists. Scoring: until its rows are made, the way back from the pool included. Commit: until
the rows are visible, the wait for other inputs included. The bare worker extracts the same poses
alone, in this process.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.machine import describe, existing_file, segments_of_clip
from repscore.pipelines.query import query
from repscore.transforms.pose.version import estimated_version, release
from repscore.transforms.pose.worker import Worker
from repscore.transforms.records import PoseConfig

PARTS = ("detection", "queue", "poses", "scoring", "commit")


def bare_s(clip: Path, root: str) -> float:
    """Seconds that a warm worker takes for the clip, in this process."""
    poses = PoseConfig()
    (segment,) = segments_of_clip(clip, poses)
    worker = Worker(poses, root, estimated_version(poses), release())
    return [worker.extract(segment).busy_s for _ in range(2)][1]


def drop(clip: Path, folder: Path, number: int) -> None:
    """A copy with another content, which appears complete."""
    hidden = folder / f".{number}"
    shutil.copy(clip, hidden)
    with hidden.open("ab") as file:
        file.write(f"{number:08d}free".encode())
    hidden.rename(folder / f"{number}.mp4")


def instants(line: str) -> list[dict[str, Any]]:
    """The inputs of a commit's line."""
    event = json.loads(line)
    return [row | {"committed_at": event["committed_at"]} for row in event.get("inputs", ())]


def split(inputs: list[dict[str, Any]], root: str) -> list[tuple[float, ...]]:
    """For each input its latency and the parts of it, which add up to it."""
    videos = query(root, "SELECT uri, video_id, pose_s, epoch(processed_at) FROM videos")
    assert videos is not None
    columns = {uri: rest for uri, *rest in videos.fetchall()}
    rows = []
    for row in inputs:
        video_id, pose_s, scored = columns[row["uri"]]
        arrived, taken, visible = (
            datetime.fromisoformat(row[name]).timestamp()
            for name in ("arrived_at", "taken_at", "committed_at")
        )
        (file,) = Path(root).glob(f"poses/*/*/{video_id}/*.parquet")
        ready = file.stat().st_mtime
        instants = (arrived, taken, ready - pose_s, ready, scored, visible)
        parts = tuple(after - before for before, after in pairwise(instants))
        assert min(parts) >= 0, f"{row['uri']}: its instants are out of order: {parts}"
        rows.append((visible - arrived, *parts))
    return rows


def show(name: str, rows: list[tuple[float, ...]]) -> None:
    """Median and 95th percentile, and the median of each part."""
    whole = sorted(row[0] for row in rows)
    p95 = whole[min(len(whole) - 1, round(0.95 * len(whole)))]
    parts = ", ".join(
        f"{part} {statistics.median(row[index] for row in rows):.2f}"
        for index, part in enumerate(PARTS, 1)
    )
    print(f"{name}: median {statistics.median(whole):.1f} s, 95th percentile {p95:.1f} s ({parts})")


def main() -> None:
    """Print the latencies, and their ratio to the bare worker."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=existing_file)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--every", type=float, default=1.0)
    options = parser.parse_args()
    print(describe())
    with tempfile.TemporaryDirectory() as place:
        folder, root = Path(place, "clips"), str(Path(place, "dataset"))
        folder.mkdir()
        poses_s = bare_s(options.clip, str(Path(place, "bare")))
        print(f"bare worker: {poses_s:.1f} s for the poses of the clip")
        command = [sys.executable, "-m", "repscore.pipelines", "watch", str(folder), "-o", root]
        watch = subprocess.Popen(  # noqa: S603
            [*command, "--every", str(options.every), "--json"], stdout=subprocess.PIPE, text=True
        )
        assert watch.stdout is not None
        drop(options.clip, folder, 0)
        instants(watch.stdout.readline())  # start-up is left out
        idle: list[dict[str, Any]] = []
        for number in range(1, options.times + 1):
            drop(options.clip, folder, number)
            while len(idle) < number:
                idle += instants(watch.stdout.readline())
            time.sleep(1)
        loaded: list[dict[str, Any]] = []
        for number in range(options.times):
            drop(options.clip, folder, 1000 + number)
        while len(loaded) < options.times:
            loaded += instants(watch.stdout.readline())
        watch.terminate()
        watch.wait()
        for name, inputs in (("idle", idle), ("under load", loaded)):
            rows = split(inputs, root)
            show(name, rows)
            ratio = statistics.median(row[0] for row in rows) / poses_s
            print(f"  {ratio:.2f} times the bare worker")


if __name__ == "__main__":
    main()
