"""The same movement in each form and topology; files that only look like keypoints."""

import csv
import json
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import keypoints
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from repscore.models.skeleton import BLAZEPOSE_NAMES, COCO_NAMES, TOPOLOGIES, to_canonical
from repscore.transforms.discover.sources import fingerprint, list_inputs
from repscore.transforms.keypoints.contents import contents_of
from repscore.transforms.keypoints.source import probe_keypoints, read_keypoints
from repscore.transforms.keypoints.span import NotKeypoints
from repscore.transforms.plan.segments import plan_frames
from repscore.transforms.records import Video

FPS, SIZE = 30.0, (640, 480)
FRAMES = 30
Frames = np.ndarray
"""(N, L, 2) pixels."""


def mediapipe(frame: np.ndarray) -> list[dict[str, float]]:
    return [{"x": x, "y": y, "z": 0.0, "visibility": 0.9} for x, y in (frame / SIZE).tolist()]


def written(path: Path, document: object) -> str:
    path.write_text(json.dumps(document))
    return str(path)


def pose2sim(folder: Path, frames: Frames) -> str:
    for number, frame in enumerate(frames):
        (folder / f"cam01.{number:04d}.json").write_text(keypoints.document(frame))
    return str(folder)


def archive(folder: Path, frames: Frames) -> str:
    names = {count: name for name, (count, _) in TOPOLOGIES.items() if count != 25}
    about = {"topology": names[frames.shape[1]]} if frames.shape[1] != 25 else {}
    np.savez(folder / "a.keypoints.npz", image_px=frames, **about)
    return str(folder)


def table(folder: Path, frames: Frames) -> str:
    lists = {name: frames[..., axis].tolist() for axis, name in enumerate("xy")}
    columns = pa.table({"frame_time_s": np.arange(len(frames)) / FPS, **lists})
    pq.write_table(columns, folder / "a.keypoints.parquet")
    return str(folder)


def scores_json(folder: Path, frames: Frames) -> str:
    """MMPose's predictions."""
    instances = [
        {"frame_id": number, "instances": [
            {"keypoints": frame.tolist(), "keypoint_scores": [0.9] * len(frame)}
        ]}
        for number, frame in enumerate(frames)
    ]  # fmt: skip
    return written(folder / "results_clip.json", {"meta_info": {}, "instance_info": instances})


def wide_csv(folder: Path, frames: Frames) -> str:
    header = [f"{axis}{i}" for i in range(frames.shape[1]) for axis in "xyv"]
    with (folder / "clip.csv").open("w") as file:
        rows = csv.writer(file)
        rows.writerow(["frame", *header])
        for number, frame in enumerate(frames):
            points = np.column_stack([frame, np.ones(len(frame))])
            rows.writerow([number, *points.ravel().tolist()])
    return str(folder)


FORMS = (pose2sim, archive, table, scores_json, wide_csv)


def joints(input_: str, picture_px: tuple[int, int] | None = None) -> np.ndarray:
    """The canonical joints of everybody in the one input, (N, P, 15, 2)."""
    (source,) = list_inputs([input_])
    video = Video(source.uri, "v", fingerprint(source), 1, "1", (), source.uri)
    probed, time_s = probe_keypoints(source.uri, FPS, picture_px)
    assert time_s == pytest.approx(np.arange(len(time_s)) / FPS, abs=1e-3)
    found = []
    for segment in plan_frames(video, probed, 0.4, time_s):
        imported = read_keypoints(segment, FPS, picture_px)
        assert imported.shortfall is None
        found += [
            to_canonical(people.image_px[..., :2], imported.topology)[np.argsort(people.person)]
            for _, people in imported.poses
        ]
    return np.stack(found)


def expected() -> np.ndarray:
    places = np.stack([keypoints.blazepose(i / FPS) for i in range(FRAMES)])
    return to_canonical(places, "blazepose33")[:, None]


def clip(topology: str) -> Frames:
    return np.stack([keypoints.landmarks(topology, i / FPS) for i in range(FRAMES)])


@pytest.mark.parametrize("topology", TOPOLOGIES)
@pytest.mark.parametrize("form", FORMS)
def test_every_topology_in_every_form(
    tmp_path: Path, topology: str, form: Callable[[Path, Frames], str]
) -> None:
    assert joints(form(tmp_path, clip(topology))) == pytest.approx(expected(), abs=1e-2)


@pytest.mark.parametrize("topology", TOPOLOGIES)
@pytest.mark.parametrize("form", FORMS)
def test_shares_are_scaled_or_refused_in_every_form(
    tmp_path: Path, topology: str, form: Callable[[Path, Frames], str]
) -> None:
    input_ = form(tmp_path, clip(topology) / SIZE)
    assert joints(input_, SIZE) == pytest.approx(expected(), abs=1e-2)
    with pytest.raises(NotKeypoints, match="--picture-size") as raised:
        joints(input_)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "document",
    [
        lambda all_: [{"frame": i, "landmarks": one} for i, one in enumerate(all_)],
        lambda all_: {"frames": [{"pose_landmarks": one} for one in all_]},
        lambda all_: [{"timestamp": i * 1000 / FPS, "landmarks": [one]}
                      for i, one in enumerate(all_)],
        lambda all_: [{"time": 1.7e9 + i / FPS, "poseLandmarks": one}
                      for i, one in enumerate(all_)],
        lambda all_: {"fps": FPS, "landmarks": all_},
        lambda all_: [{"frame": i, "landmarks": dict(zip(BLAZEPOSE_NAMES, one, strict=True))}
                      for i, one in enumerate(all_)],
        lambda all_: [{"pose_landmarks": {"landmark": one}} for one in all_],
        lambda all_: all_,
    ],
)  # fmt: skip
def test_exports_of_mediapipe_in_json(tmp_path: Path, document: Callable[..., object]) -> None:
    path = written(tmp_path / "a.json", document([mediapipe(f) for f in clip("blazepose33")]))
    assert joints(str(tmp_path), SIZE) == pytest.approx(expected(), abs=1e-2)
    assert joints(path, SIZE) == pytest.approx(expected(), abs=1e-2)
    with pytest.raises(NotKeypoints, match="--picture-size"):
        joints(path)


def test_a_file_says_the_size_of_its_picture_and_times(tmp_path: Path) -> None:
    frames = [{"pose_landmarks": mediapipe(f)} for f in clip("blazepose33")]
    about = {"metadata": {"width": 640, "height": 480, "fps": 30}}
    written(tmp_path / "a.json", {**about, "frames": frames})
    assert joints(str(tmp_path)) == pytest.approx(expected(), abs=1e-2)


@pytest.mark.parametrize(
    "header", ["x{}", "landmark_{}_x", "lmk{}_x", "{}_x", "{name}_x", "x_{name}"]
)
def test_exports_of_mediapipe_in_csv(tmp_path: Path, header: str) -> None:
    names = [
        header.format(i, name=name.upper()).replace("x", axis, 1)
        if header.startswith("x")
        else header.format(i, name=name.upper())[:-1] + axis
        for i, name in enumerate(BLAZEPOSE_NAMES)
        for axis in ("x", "y", "z", "visibility")
    ]
    with (tmp_path / "a.csv").open("w") as file:
        rows = csv.writer(file)
        rows.writerow(["frame_idx", "ms", *names])
        for number, frame in enumerate(clip("blazepose33") / SIZE):
            points = np.column_stack([frame, np.zeros(33), np.ones(33)]).ravel().tolist()
            rows.writerow([number, round(number * 1000 / FPS), *points])
    assert joints(str(tmp_path), SIZE) == pytest.approx(expected(), abs=1e-2)


def test_a_row_per_landmark(tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("w") as file:
        rows = csv.writer(file)
        rows.writerow(["frame", "landmark_index", "x", "y", "z", "visibility"])
        for number, frame in enumerate(clip("blazepose33") / SIZE):
            for index, (x, y) in enumerate(frame.tolist()):
                rows.writerow([number, index, x, y, 0, 1])
    assert joints(str(tmp_path), SIZE) == pytest.approx(expected(), abs=1e-2)


def test_several_people_of_yolo_and_of_movenet(tmp_path: Path) -> None:
    other = clip("coco17") + [200, 0]
    both = list(zip(clip("coco17").tolist(), other.tolist(), strict=True))
    (tmp_path / "yolo").mkdir()
    written(tmp_path / "yolo" / "a.json", [
        [{"name": "person", "track_id": who, "keypoints": {
            "x": [x for x, _ in body], "y": [y for _, y in body], "visible": [0.9] * 17,
        }} for who, body in enumerate(bodies)]
        for bodies in both
    ])  # fmt: skip
    (tmp_path / "movenet").mkdir()
    written(tmp_path / "movenet" / "a.json", [
        {"poses": [{"keypoints": [
            {"x": x, "y": y, "score": 0.9, "name": name}
            for (x, y), name in zip(body, COCO_NAMES, strict=True)
        ]} for body in bodies]}
        for bodies in both
    ])  # fmt: skip
    whole = np.concatenate([expected(), expected() + [200, 0]], axis=1)
    for name in ("yolo", "movenet"):
        assert joints(str(tmp_path / name)) == pytest.approx(whole, abs=1e-2)


def test_a_folder_holds_several_cameras_and_passes_over_the_rest(tmp_path: Path) -> None:
    for camera in ("cam01", "cam02"):
        for number in range(3):
            text = keypoints.document(keypoints.body25(number / FPS))
            (tmp_path / f"{camera}.{number:04d}.json").write_text(text)
    written(tmp_path / "config7.json", {"rate": 3})
    (tmp_path / "labels.csv").write_text("input,exercise,start_s,end_s\n")
    passed_over: Counter[str] = Counter()
    found = [Path(source.uri).name for source in list_inputs([str(tmp_path)], passed_over)]
    assert found == ["cam01.%d.json", "cam02.%d.json"]
    assert passed_over == {".json": 1, ".csv": 1}


@pytest.mark.parametrize(
    ("head", "suffix", "contents"),
    [
        (b'{"version": 1.3, "people": []}', ".json", "frame"),
        (b'\xef\xbb\xbf{"people":[{"pose_keypoints_2d":[1', ".json", "frame"),
        (b'[{"frame": 0, "landmarks": [', ".json", "recording"),
        (b'{"images": [], "annotations": [{"keypoints": [', ".json", None),
        (b'{"compilerOptions": {}}', ".json", None),
        (b"\x00\x01", ".json", None),
        (b"", ".csv", None),
        (b"name,x,y\n", ".csv", None),
        (b"frame,landmark,x,y\n", ".csv", "recording"),
    ],
)
def test_contents(head: bytes, suffix: str, contents: str | None) -> None:
    assert contents_of(head, suffix) == contents


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", "{ garbage", "found 9 bytes that are not"),
        ("a.json", "{}", "list of frames"),
        ("a.json", '[{"landmarks": []}]', "nobody"),
        ("a.json", '[{"landmarks": [{"x": "a", "y": 1}]}]', "in frame 0"),
        ("a.json", '[{"landmarks": [{"x": 1}]}]', "in frame 0"),
        ("a.json", '[7]', "in frame 0"),
        ("a.json", json.dumps([{"landmarks": [[10, 20]] * 16}] * 2), "found 16"),
        ("a.json", json.dumps([{"landmarks": [[10, 20]] * n} for n in (17, 18)]), "one topology"),
        ("a.json", json.dumps([{"landmarks": [[10, 20]] * 17}]), "one frame"),
        ("a.json", json.dumps([{"time": i, "landmarks": [[10, 20]] * 17} for i in (2, 1, 0)]),
         "order of time"),
        ("a.csv", "a,b\n1,2\n", "header"),
        ("a.csv", "frame,landmark,x,y\n0,0,1\n", "numbers in each row"),
        ("a.csv", "frame,landmark,x,y\n0,0,one,2\n", "numbers in each row"),
        ("a.csv", "0.1,0.2\n" * 3, "header"),
    ],
)  # fmt: skip
def test_other_files_are_refused_in_one_line(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(NotKeypoints, match=words) as raised:
        probe_keypoints(str(tmp_path / name), FPS)
    assert "\n" not in str(raised.value)


def test_the_files_of_the_field(shared_data: Path, tmp_path: Path) -> None:
    samples = shared_data / "field_inputs"
    for name, topology in (("pose2sim_names", "body25"), ("halpe26", "halpe26")):
        with tarfile.open(samples / f"{name}.tar.gz") as tar:
            tar.extractall(tmp_path / name, filter="data")
        (source,) = list_inputs([str(tmp_path / name)])
        assert probe_keypoints(source.uri, FPS)[0].topology == topology
    for name, length_s in (("coco17", 16), ("epoch_times", 16)):
        probed, _ = probe_keypoints(str(samples / f"{name}.keypoints.npz"), FPS)
        assert probed.duration_s == pytest.approx(length_s, abs=0.2)
    with pytest.raises(NotKeypoints, match="--picture-size"):
        probe_keypoints(str(samples / "shares_as_pixels.keypoints.npz"), FPS)
