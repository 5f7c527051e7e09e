"""Whether a long watch stays flat: memory, time per poll, files of the tables.

    python -m benchmarks.watch_flat [--known 20000] [--new 2000]

The dataset knows the first files of a folder; new, small files of keypoints arrive there and go
through one `watch`. Printed are the memory of the driver and of Prism meanwhile, then the time of a
poll of the whole folder and the number of files in each table.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.machine import describe, resident_mib
from repscore.pipelines.query import query
from repscore.transforms.discover.sources import list_inputs
from repscore.transforms.tables.delta import read_known, table_files, write_batch
from repscore.transforms.tables.schemas import SCHEMAS
from repscore.transforms.watch.watched_inputs import WatchConfig, WatchedInputs


def put(folder: Path, number: int) -> None:
    """Three seconds of a random walk; each number gives another one."""
    walk = np.random.default_rng(number).normal(size=(30, 15, 2)).cumsum(axis=0) + 300
    np.savez(folder / f"{number}.keypoints.npz", image_px=walk)


def remember(folder: Path, root: str, config: str) -> None:
    """Write a row of `videos` for each file of the folder."""
    now = datetime.now(UTC)
    rows = [
        {
            "video_id": f"known-{rank}",
            "uri": source.uri,
            "fingerprint": f"known:{rank}",
            "stamp": source.stamp,
            "size_bytes": source.size_bytes,
            "status": "no_person",
            "config": config,
            "run_id": "before",
            "processed_at": now,
        }
        for rank, source in enumerate(list_inputs([str(folder)]))
    ]
    for begin in range(0, len(rows), 1000):
        part = rows[begin : begin + 1000]
        write_batch(root, {"videos": [row | {"duplicate_of": None} for row in part]})


def prism_of(parent: int) -> int | None:
    """The Prism that a process has started."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            title = (entry / "cmdline").read_bytes().partition(b"\0")[0]
        except OSError:
            continue
        if fields[1] == str(parent) and b"prism" in title:
            return int(entry.name)
    return None


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--known", type=int, default=20_000)
    parser.add_argument("--new", type=int, default=2_000)
    arguments = parser.parse_args()
    print(describe())
    with tempfile.TemporaryDirectory() as place:
        folder, root = Path(place, "files"), str(Path(place, "dataset"))
        folder.mkdir()
        command = [sys.executable, "-m", "repscore.pipelines", "watch", str(folder), "-o", root]
        command += ["--every", "2", "--json"]
        first = [*command, "--until-idle", "1"]
        subprocess.run(first, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        runs = query(root, "SELECT config FROM runs")
        assert runs is not None
        ((config,),) = runs.fetchall()
        for number in range(arguments.known):
            (folder / f"known{number}.keypoints.npz").write_bytes(b"known")
        remember(folder, root, config)
        watch = subprocess.Popen(  # noqa: S603
            [*command, "--until-idle", "20"], stdout=subprocess.PIPE, text=True
        )
        for number in range(arguments.new):
            put(folder, number)
        assert watch.stdout is not None
        done, next_line, begun_s = 0, 0, time.monotonic()
        for line in watch.stdout:
            done += json.loads(line)["videos"] * ("committed_at" in line)
            prism = prism_of(watch.pid)
            if prism is not None and done >= next_line:
                next_line = done + arguments.new // 8
                print(
                    f"{done} done after {time.monotonic() - begun_s:.0f} s: driver "
                    f"{resident_mib(watch.pid):.0f} MiB, Prism {resident_mib(prism):.0f} MiB"
                )
        watch.wait()
        known = read_known(root)
        polled = WatchedInputs(WatchConfig((str(folder),)), known, config)
        begun_s = time.monotonic()
        polled.poll()
        print(f"a poll of {len(known)} known names: {time.monotonic() - begun_s:.2f} s")
        files = {name: len(table_files(root, name)) for name in SCHEMAS}
        print(f"files of the tables: {files}")


if __name__ == "__main__":
    main()
