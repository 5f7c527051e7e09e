"""Counts of a scored dataset beside the truth: `clip_counts.py DATASET GROUND_TRUTH.csv`.

Only clips whose truth has the confidence high or medium count. OBO is the share of clips whose
count is off by at most one, MAE the mean of |count - truth| / truth over clips with truth > 0.
"""

import argparse
import csv
from collections import Counter
from pathlib import Path

from machine import describe

from repscore.pipelines.query import query

COUNTS = """
SELECT v.uri, v.status, r.person, count(r.repetition)
FROM videos v LEFT JOIN repetitions r USING (video_id) GROUP BY ALL
"""


def main() -> None:
    """Print the table and the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("ground_truth", type=Path)
    arguments = parser.parse_args()
    relation = query(arguments.dataset, COUNTS)
    found: Counter[str] = Counter()
    status = {}
    for uri, state, _, count in relation.fetchall() if relation else []:
        found[Path(uri).name] = max(found[Path(uri).name], count)  # of whoever makes most
        status[Path(uri).name] = state
    with arguments.ground_truth.open() as file:
        truth = {row["file"]: row for row in csv.DictReader(file)}
    print(describe())
    print(f"{len(status)} videos: {dict(Counter(status.values()))}\n")
    off, errors, exact = [], [], 0
    for name, row in truth.items():
        if row["confidence"] == "low" or not row["reps"]:
            continue
        reps, counted = int(row["reps"]), found[name]
        off.append(abs(counted - reps))
        exact += counted == reps
        if reps:
            errors.append(abs(counted - reps) / reps)
        mark = "" if counted == reps else "within one" if off[-1] == 1 else "MISSED"
        print(f"{name:42} {row['exercise']:24} truth {reps:3} counted {counted:3}  {mark}")
    missing = truth.keys() - status.keys()
    print(f"\nclips without a row in `videos`: {sorted(missing) or 'none'}")
    print(
        f"{len(off)} clips: OBO {sum(o <= 1 for o in off) / len(off):.2f}, "
        f"exact {exact / len(off):.2f}, MAE {sum(errors) / len(errors):.2f}"
    )


if __name__ == "__main__":
    main()
