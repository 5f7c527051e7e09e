"""How far counted returns lie from marked frames: `python -m research.marks DATASET FOLDER`.

FOLDER holds a CSV file per clip, named like it, with the columns `time` (seconds) and `label`: a
label above 0 marks a return to the start position. DATASET is a dataset that `repscore score` made
of these clips.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from repscore.models.phases.metrics import Spans
from repscore.pipelines.evaluate.counting import counted_in


def read_marks(path: Path) -> list[float]:
    """Times of the marked returns of a clip, in seconds."""
    with path.open() as file:
        return [float(row["time"]) for row in csv.DictReader(file) if float(row["label"]) > 0]


def mark_distances_s(marks_s: list[float], spans: Spans) -> list[float]:
    """Seconds from each mark to the nearest boundary of `spans`; inf where there is none."""
    bounds = np.array([bound for span in spans for bound in span])
    return [float(np.abs(bounds - mark_s).min(initial=np.inf)) for mark_s in marks_s]


def main() -> None:
    """Print the median and the 90th percentile over all marks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("marks", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    spans = {Path(uri).stem: spans for uri, spans in counted_in(arguments.dataset).items()}
    distances_s = [
        distance_s
        for path in sorted(arguments.marks.glob("*.csv"))
        for distance_s in mark_distances_s(read_marks(path), spans.get(path.stem, ()))
    ]
    print(
        f"{len(distances_s)} marked returns, distance to the nearest boundary: median "
        f"{np.median(distances_s):.2f} s, 90 % within {np.percentile(distances_s, 90):.2f} s"
    )


if __name__ == "__main__":
    main()
