"""The same squats in every topology and form give the same counts and scores."""

import csv
import json
import sys
from pathlib import Path
from subprocess import run

import athletes
import keypoints
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from repscore.models.skeleton import TOPOLOGIES
from repscore.pipelines.demo.athlete import Motion
from repscore.pipelines.query import query

COUNT, FPS, SIZE = 5, 30.0, (640, 480)


def squats(topology: str) -> np.ndarray:
    """(N, L, 2) pixels; landmarks beyond the joints lie on the nose (the first) or the ankles."""
    joints = athletes.poses(Motion("squat", COUNT, seed=3), jitter_px=0.0).image_px[..., :2]
    count, sources = TOPOLOGIES[topology]
    places = np.repeat(joints[:, :1], count, axis=1)
    if topology in ("halpe26", "body25", "body25b"):
        places[:, 19:] = joints[:, 11:12]
    for joint, source in enumerate(sources):
        if len(source) == 1:
            places[:, source[0]] = joints[:, joint]
    return places.astype(np.float64)


def write(folder: Path, topology: str) -> None:
    """A document per frame, an archive, a table, a CSV in shares of the picture, one JSON."""
    places = squats(topology)
    time_s = np.arange(len(places)) / FPS
    frames = folder / f"{topology}-documents"
    frames.mkdir()
    for number, frame in enumerate(places):
        (frames / f"cam01.{number:04d}.json").write_text(keypoints.document(frame))
    np.savez(
        folder / f"{topology}-archive.keypoints.npz",
        image_px=places, time_s=1.7e9 + time_s, topology=topology,
    )  # fmt: skip
    lists = {name: places[..., axis].tolist() for axis, name in enumerate("xy")}
    times = np.round(time_s * 1e6).astype(np.int64)
    columns = pa.table({"frame_time_s": times, **lists})
    about = {"topology": topology}
    pq.write_table(
        columns.replace_schema_metadata(about), folder / f"{topology}-table.keypoints.parquet"
    )
    with (folder / f"{topology}-rows.csv").open("w") as file:
        rows = csv.writer(file)
        rows.writerow(["ms", *(f"{axis}{i}" for i in range(places.shape[1]) for axis in "xy")])
        for time, frame in zip(time_s.tolist(), places / SIZE, strict=True):
            rows.writerow([time * 1000, *frame.ravel().tolist()])
    listed = [{"landmarks": [{"x": x, "y": y} for x, y in f.tolist()]} for f in places]
    text = json.dumps({"topology": topology, "fps": FPS, "frames": listed})
    (folder / f"{topology}-listed.json").write_text(text)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forms")
    for topology in TOPOLOGIES:
        write(folder, topology)
    root = tmp_path_factory.mktemp("dataset")
    width, height = SIZE
    options = ("--fps", f"{FPS:g}", "--picture-size", f"{width}x{height}", "--actors", "1",
        "--scorer", "none")  # fmt: skip
    command = [sys.executable, "-m", "repscore.pipelines", "score", str(folder), "-o", str(root)]
    done = run([*command, *options], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return root


def test_every_topology_and_form_gives_the_same_counts_and_scores(dataset: Path) -> None:
    sql = """
    SELECT uri, v.status, v.decoded_s, list(r.score ORDER BY r.start_s)
    FROM videos v LEFT JOIN repetitions r ON r.video_id = v.video_id GROUP BY ALL ORDER BY uri
    """
    relation = query(str(dataset), sql)
    assert relation is not None
    found = {str(uri).rsplit("forms", 1)[1]: rest for uri, *rest in relation.fetchall()}
    assert len(found) == 5 * len(TOPOLOGIES)
    control = next(scores for name, (_, _, scores) in found.items() if "canonical15-arch" in name)
    assert len(control) == COUNT
    length_s = len(squats("canonical15")) / FPS
    wrong = {
        name: (status, scores)
        for name, (status, decoded_s, scores) in found.items()
        if status != "ok"
        or len(scores) != COUNT
        or abs(float(decoded_s) - length_s) > 0.1
        or np.abs(np.subtract(scores, control)).max() > 2
    }
    assert wrong == {}, control
