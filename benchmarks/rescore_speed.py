"""Frames per second of `repscore rescore`: a dataset multiplied, then scored again from its store.

    python benchmarks/rescore_speed.py DATASET [--times 20] [--scorer exercises]

DATASET is one of `score`. Its poses and kept windows are linked under new names, so the copies
cost no room. The first pass over the original cuts the poses into repetitions; the passes that
are measured read the windows that it kept. The baseline is that first pass.
"""

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path

from machine import describe

from repscore.models.scorer.shipped import located
from repscore.pipelines.rescore import rescore
from repscore.transforms.records import video_id_of
from repscore.transforms.tables.delta import append_run, read_rows, write_batch


def multiply(original: Path, root: Path, times: int) -> None:
    """A dataset that holds every input of the original so many times, under other names."""
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
    given = parser.parse_args()
    scorer = located(given.scorer)
    with tempfile.TemporaryDirectory(dir=given.dataset.parent) as folder:
        original, root = Path(folder, "original"), Path(folder, "many")
        shutil.copytree(given.dataset, original)
        shutil.rmtree(original / "windows", ignore_errors=True)
        print(describe())
        first = rescore(str(original), scorer, (), quiet=True).row
        multiply(original, root, given.times)
        for name, row in (
            ("cut anew", first),
            ("kept", rescore(str(root), scorer, (), quiet=True).row),
        ):
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
