"""Frames per second of `repscore rescore`: a dataset multiplied, then scored again from its store.

    python -m benchmarks.rescore_speed DATASET [--times 20] [--scorer exercises]

`repscore score` made DATASET. Its poses and windows are linked under new names, so the copies
need no disk space. The first pass, over a copy of the original, cuts the poses into repetitions and
stores them as windows; it is the baseline. The second pass, over the multiplied dataset, reads the
windows.
"""

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path

from benchmarks.machine import describe
from repscore.models.scorer.shipped import located
from repscore.pipelines.rescore import rescore
from repscore.transforms.records import video_id_of
from repscore.transforms.tables.delta import append_run, read_rows, write_batch


def multiply(original: Path, root: Path, times: int) -> None:
    """A dataset that holds each input of the original several times, under other names."""
    runs = read_rows(str(original), "runs")
    append_run(str(root), max(runs, key=lambda row: row["started_at"]))
    rows = []
    for row in read_rows(str(original), "videos"):
        if row["duplicate_of"] is not None:
            continue
        old = row["video_id"]
        for number in range(times):
            fingerprint = f"{row['fingerprint']}-{number}"
            new = video_id_of(fingerprint)
            rows.append(row | {"uri": f"{row['uri']}-{number}", "video_id": new,
                               "fingerprint": fingerprint})  # fmt: skip
            poses = Path("poses", row["pose_version"])
            link(original / poses / old[:2] / old, root / poses / new[:2] / new, "", "")
            link(original / "windows" / old[:2], root / "windows" / new[:2], old, new)
    write_batch(str(root), {"videos": rows})


def link(source: Path, target: Path, old: str, new: str) -> None:
    """The files of a folder whose names begin with `old`, under names that begin with `new`."""
    if not source.exists():
        return
    target.mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        if file.name.startswith(old):
            os.link(file, target / (new + file.name.removeprefix(old)))


def main() -> None:
    """Multiply, score again, print frames per second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--scorer", default="exercises")
    options = parser.parse_args()
    scorer = located(options.scorer)
    with tempfile.TemporaryDirectory(dir=options.dataset.parent) as folder:
        original, root = Path(folder, "original"), Path(folder, "many")
        shutil.copytree(options.dataset, original)
        shutil.rmtree(original / "windows", ignore_errors=True)
        print(describe())
        first = rescore(str(original), scorer, (), quiet=True).row
        multiply(original, root, options.times)
        second = rescore(str(root), scorer, (), quiet=True).row
        for name, row in (("from poses", first), ("from windows", second)):
            print(
                f"{name}: {row['videos']} videos, {row['frames']} frames, {row['repetitions']} "
                f"repetitions in {row['wall_s']:.1f} s: {row['frames_per_s']:.0f} frames/s"
            )
            for stage, spent_s in json.loads(row["stage_s"]).items():
                print(
                    f"  {stage}: {spent_s:.2f} s, {row['frames'] / max(spent_s, 1e-3):.0f} frames/s"
                )


if __name__ == "__main__":
    main()
