"""A whole recording in one JSON or CSV file, as people's scripts export it.

JSON: a list of frames, or an object with such a list and the size of the picture. A frame holds one
person or several: landmarks as objects with x and y (MediaPipe, MoveNet in JavaScript), as rows
(MMPose), as flat numbers (COCO results) or as lists of x and y (YOLO). CSV: a row per frame and
person with columns such as `x0`, `nose_x` or `landmark_0_x`, or a row per landmark. Both are read
as a whole.
"""

import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from repscore.models.estimator import People
from repscore.models.skeleton import BLAZEPOSE_NAMES, BY_COUNT, COCO_NAMES
from repscore.transforms.files import open_binary
from repscore.transforms.inputs import head_of
from repscore.transforms.keypoints.rules import (
    SAMPLE,
    scale_to_px,
    seconds_of,
    size_px_of,
    to_px,
    topology_of,
)
from repscore.transforms.keypoints.span import NotKeypoints, Span, length_of, people_of, rate_of
from repscore.transforms.records import Probe

Points = npt.NDArray[np.float64]
"""(L, 4): x, y, z, visibility; NaN for what is not said."""

_LANDMARKS: Final = ("pose_landmarks", "poseLandmarks", "landmarks", "keypoints")
_LANDMARKS_OPENPOSE: Final = ("pose_keypoints_2d", "pose_keypoints")
_WORLD: Final = (
    *("pose_world_landmarks", "poseWorldLandmarks", "world_landmarks", "worldLandmarks"),
)
_PEOPLE: Final = ("people", "persons", "poses", "instances", "predictions", "detections")
_FRAMES: Final = ("frames", "instance_info", "results", "data", "pose_data", "poses", "landmarks")
_TIMES: Final = (
    *("time_s", "timestamp_s", "time", "timestamp", "timestamp_ms", "timestampMs", "time_ms"),
    *("frame_time_s", "time_sec", "seconds", "ms", "t"),
)
_NUMBERS: Final = (
    *("frame", "frame_id", "frame_idx", "frame_index", "frame_number", "frame_num", "frameIndex"),
    *("frameNumber", "image_id", "index"),
)
_IDENTITIES: Final = ("person", "person_id", "track_id", "id", "idx", "pose_id", "pose_index")
_SURE: Final = ("visibility", "score", "confidence", "presence", "vis", "v", "c", "conf")
_SCORES: Final = ("keypoint_scores", "keypoints_scores", "keypoint_score", "scores")
_ABOUT: Final = ("metadata", "meta", "meta_info", "info", "video", "video_info")
_AXIS: Final = {"x": 0, "y": 1, "z": 2, **dict.fromkeys(_SURE, 3)}
_BY_NAME: Final = {name.replace("_", ""): index for index, name in enumerate(BLAZEPOSE_NAMES)}
_SIZES: Final = ("width", "height", "image_width", "image_height")
_LANDMARK_COLUMNS: Final = (
    *("landmark", "landmark_id", "landmark_index", "landmark_idx", "landmark_name", "keypoint"),
    *("keypoint_id", "joint", "joint_id"),
)


@dataclass(frozen=True, eq=False)
class _Row:
    """A person in a frame, or a frame in which nobody was found (`points` is None)."""

    time: float | None
    number: float | None
    person: int | None
    points: Points | None
    world: Points | None = None


@dataclass(frozen=True, eq=False)
class _Recording:
    topology: str
    time_s: npt.NDArray[np.float64]
    rate: float
    frames: Sequence[Sequence[_Row]]
    px: Sequence[Points]
    picture_px: tuple[int, int] | None
    named: bool


def probe(
    uri: str, fps: float, picture_px: tuple[int, int] | None
) -> tuple[Probe, npt.NDArray[np.float64]]:
    """What the file holds, and the time of each of its frames.

    Raises NotKeypoints or another ProbeError, and OSError.
    """
    found = _recording(uri, fps, picture_px)
    width_px, height_px = found.picture_px or (None, None)
    length_s, kind = length_of(found.time_s, found.rate), _kind(uri)
    codec, count = f"{kind} {found.topology}", len(found.time_s)
    return (
        Probe(width_px, height_px, found.rate, count, length_s, None, codec, found.topology),
        found.time_s,
    )


def read(
    uri: str, start_s: float, end_s: float, *, fps: float, picture_px: tuple[int, int] | None
) -> Span:
    """The frames in [start_s, end_s); raises NotKeypoints, and OSError."""
    found = _recording(uri, fps, picture_px)
    poses: list[tuple[float, People]] = []
    at = 0
    for time_s, rows in zip(found.time_s.tolist(), found.frames, strict=True):
        bodies = [row for row in rows if row.points is not None]
        px, at = found.px[at : at + len(bodies)], at + len(bodies)
        if not start_s <= time_s < end_s:
            continue
        count = len(found.px[0])
        person = np.array([-1 if row.person is None else row.person for row in bodies], np.int64)
        empty = np.empty((0, count, 4))
        points = np.stack(px) if px else empty
        world = None
        if bodies and all(row.world is not None for row in bodies):
            world = np.stack([row.world[:, :3] for row in bodies if row.world is not None])
        sure = np.where(np.isnan(points[..., 3]), 1.0, points[..., 3])
        poses.append((time_s, people_of(person, points[..., :3], world, sure)))
    return Span(found.topology, poses, found.named)


def _kind(uri: str) -> str:
    return uri.lower().rpartition(".")[2]


def _recording(uri: str, fps: float, given_px: tuple[int, int] | None) -> _Recording:
    head_of(uri)
    with open_binary(uri) as file:
        data = file.read()
    about: Mapping[str, Any] = {}
    if _kind(uri) == "csv":
        rows = list(_csv_rows(uri, data))
    else:
        rows, about = _json_rows(uri, data)
    bodies = [row.points for row in rows if row.points is not None]
    if not bodies:
        raise NotKeypoints(f"{uri}: expected landmarks, found nobody in any frame")
    counts = sorted({len(points) for points in bodies})
    if len(counts) > 1:
        raise NotKeypoints(f"{uri}: expected one topology, found people with {counts} landmarks")
    picture_px = _picture(uri, about) or given_px
    sample = np.stack(bodies[:SAMPLE])
    declared = about.get("topology")
    topology = topology_of(uri, counts[0], declared if isinstance(declared, str) else None, sample)
    scale = scale_to_px(uri, sample, picture_px)
    px = [np.column_stack([to_px(points[:, :3], scale), points[:, 3]]) for points in bodies]
    rate = _number(about.get("fps"), about.get("frame_rate"))
    keys, frames = _frames_of(uri, rows)
    if rows[0].time is not None:
        time_s = seconds_of(uri, np.array(keys))
        rate = rate_of(time_s)
    else:
        rate = rate if rate and 0 < rate < math.inf else fps
        time_s = np.array(keys) / rate
    if len(frames) == 1:
        raise NotKeypoints(
            f"{uri}: expected a recording, found one frame; name the files of its frames "
            "NAME.<number>.json and write each as OpenPose does"
        )
    named = all(row.person is not None for row in rows if row.points is not None)
    named = named and all(len({row.person for row in frame}) == len(frame) for frame in frames)
    return _Recording(topology, time_s, rate, frames, px, picture_px, named)


def _frames_of(uri: str, rows: Sequence[_Row]) -> tuple[list[float], list[list[_Row]]]:
    """The rows of each frame by their time, else by their number."""
    timed = [row.time is not None for row in rows]
    numbered = [row.number is not None for row in rows]
    if any(timed) and not all(timed):
        raise NotKeypoints(f"{uri}: expected a time for each frame, found frames without")
    if not any(timed) and not all(numbered):
        raise NotKeypoints(f"{uri}: expected the number of each frame, found frames without")
    frames: dict[float, list[_Row]] = {}
    for row in rows:
        key = row.time if row.time is not None else row.number
        frames.setdefault(0.0 if key is None else key, []).append(row)
    keys = list(frames)
    if any(a >= b for a, b in pairwise(keys)) or not np.isfinite(keys).all():
        raise NotKeypoints(f"{uri}: expected frames in the order of time, found others")
    return keys, list(frames.values())


def _picture(uri: str, about: Mapping[str, Any]) -> tuple[int, int] | None:
    width = _number(about.get("width"), about.get("image_width"), about.get("width_px"))
    height = _number(about.get("height"), about.get("image_height"), about.get("height_px"))
    sizes = [about.get(name) for name in ("size_px", "image_size", "resolution")]
    size = next((size for size in sizes if isinstance(size, list) and len(size) == 2), None)
    if size is not None:
        width, height = _number(size[0]), _number(size[1])
    return None if width is None or height is None else size_px_of(uri, width, height)


def _json_rows(uri: str, data: bytes) -> tuple[list[_Row], Mapping[str, Any]]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NotKeypoints(
            f"{uri}: expected JSON with a list of frames, found {len(data)} bytes that are not "
            f"({error}); write it again"
        ) from error
    about: dict[str, Any] = {}
    frames = document
    if isinstance(document, dict):
        frames = next((document[k] for k in _FRAMES if isinstance(document.get(k), list)), None)
        nested = [document[name] for name in _ABOUT if isinstance(document.get(name), dict)]
        for each in (*nested, document):
            about |= {k: v for k, v in each.items() if k != "landmarks"}
    if not isinstance(frames, list) or not frames:
        raise NotKeypoints(f"{uri}: expected a list of frames with landmarks, found none")
    for frame in frames:
        if isinstance(frame, dict) and "width" not in about and "image_width" not in about:
            about |= {k: frame[k] for k in _SIZES if k in frame}
    rows: list[_Row] = []
    for index, frame in enumerate(frames):
        try:
            rows += _rows_of(frame, index)
        except (TypeError, ValueError, OverflowError) as error:
            raise NotKeypoints(
                f"{uri}: expected landmarks in frame {index}, found others ({error})"
            ) from error
    return rows, about


def _rows_of(frame: Any, index: int) -> list[_Row]:
    """The people of a frame."""
    time = number = None
    people: list[Any] = []
    if isinstance(frame, dict):
        time = _number(*(frame.get(name) for name in _TIMES))
        number = _number(*(_digits(frame.get(name)) for name in _NUMBERS))
        within = next((frame[k] for k in _PEOPLE if isinstance(frame.get(k), list)), None)
        people = within if within is not None else _split(frame)
    elif isinstance(frame, list):
        people = [frame] if _points(frame) is not None else frame
    elif frame is not None:
        raise ValueError(type(frame).__name__)
    number = float(index) if number is None else number
    rows = [_row(time, number, one) for one in people]
    return rows or [_Row(time, number, None, None)]


def _split(frame: Mapping[str, Any]) -> list[Any]:
    """The people of a frame whose landmarks are a list of people, or of one person."""
    landmarks = next((frame[k] for k in _LANDMARKS if k in frame), None)
    if not landmarks:
        return []
    if _points(landmarks) is not None:
        return [frame]
    worlds = next((frame[k] for k in _WORLD if k in frame), None) or [None] * len(landmarks)
    return [
        {"landmarks": one, "world_landmarks": world}
        for one, world in zip(landmarks, worlds, strict=True)
    ]


def _row(time: float | None, number: float, person: Any) -> _Row:
    identity, world, scores = None, None, None
    if isinstance(person, dict):
        identity = _number(*(person.get(name) for name in _IDENTITIES))
        world = next((person[k] for k in _WORLD if k in person), None)
        scores = next((person[k] for k in _SCORES if k in person), None)
        keys = (*_LANDMARKS, *_LANDMARKS_OPENPOSE)
        person = next((person[k] for k in keys if k in person), person)
    points = _points(person)
    if points is None:
        raise ValueError("no list of landmarks with x and y")
    if isinstance(scores, list) and len(scores) == len(points):
        points[:, 3] = scores
    points[(points[:, :2] == 0).all(axis=1)] = np.nan  # how it is written that none was found
    whole = None if identity is None or identity < 0 else int(identity)
    return _Row(time, number, whole, points, _points(world) if world else None)


def _points(landmarks: Any) -> Points | None:
    """The landmarks of a person in whatever form; None where it is none of them."""
    if isinstance(landmarks, dict):
        if isinstance(landmarks.get("landmark"), list):  # a message of MediaPipe as JSON
            return _points(landmarks["landmark"])
        if isinstance(landmarks.get("x"), list):
            columns = [landmarks.get(k) for k in ("x", "y", "z")]
            sure = next((landmarks[k] for k in ("visible", *_SURE) if k in landmarks), None)
            return _table([*columns, sure], len(landmarks["x"]))
        named = [(_landmark(name), value) for name, value in landmarks.items()]
        if not named or any(i is None or not isinstance(v, dict) for i, v in named):
            return None
        return _by_index([(i, _xyzv(value)) for i, value in named if i is not None])
    if not isinstance(landmarks, list) or not landmarks:
        return None
    first = landmarks[0]
    if isinstance(first, dict) and "x" in first and "y" in first:
        return np.array([_xyzv(one) for one in landmarks], np.float64)
    if isinstance(first, list) and first and not isinstance(first[0], list | dict):
        return _columns(np.array(landmarks, np.float64), len(landmarks))
    if isinstance(first, int | float):
        for width in (3, 4):
            if len(landmarks) % width == 0 and len(landmarks) // width in BY_COUNT:
                rows = np.array(landmarks, np.float64).reshape(-1, width)
                return _columns(rows, len(rows))
    return None


def _columns(rows: npt.NDArray[np.float64], count: int) -> Points | None:
    """Rows x, y; x, y, confidence (with 33 landmarks: z); x, y, z, visibility."""
    if rows.ndim != 2 or rows.shape[1] not in (2, 3, 4, 5):
        return None
    points = np.full((count, 4), np.nan)
    width = min(rows.shape[1], 4)
    if width == 3 and count != len(BLAZEPOSE_NAMES):
        points[:, [0, 1, 3]] = rows
    else:
        points[:, :width] = rows[:, :width]
    return points


def _table(columns: Sequence[Any], count: int) -> Points:
    points = np.full((count, 4), np.nan)
    for axis, column in enumerate(columns):
        if isinstance(column, list):
            points[:, axis] = column
    return points


def _xyzv(landmark: Mapping[str, Any]) -> list[float]:
    values = [landmark["x"], landmark["y"], landmark.get("z")]
    values.append(next((landmark[name] for name in _SURE if name in landmark), None))
    return [math.nan if value is None else float(value) for value in values]


def _landmark(name: str) -> int | None:
    """The index of a landmark by MediaPipe's name for it."""
    return _BY_NAME.get(re.sub(r"[^a-z0-9]", "", name.lower()))


def _by_index(found: Sequence[tuple[int, Sequence[float]]]) -> Points | None:
    """Landmarks by their index in BlazePose: all 33, or the 17 of COCO, in their order."""
    points = np.full((len(BLAZEPOSE_NAMES), 4), np.nan)
    for index, values in found:
        points[index] = values
    coco = [BLAZEPOSE_NAMES.index(name) for name in COCO_NAMES]
    indices = {index for index, _ in found}
    if indices == set(coco):
        return points[coco]
    return points if indices == set(range(len(BLAZEPOSE_NAMES))) else None


def _number(*values: Any) -> float | None:
    """The first that is a number."""
    for value in values:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None


def _digits(value: Any) -> Any:
    """The number in the name of a picture ("000012.jpg"); anything else as it is."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r".*?([0-9]{1,15})(?:\.[A-Za-z]+)?", value)
    return None if found is None else int(found[1])


def columns_of(header: Sequence[str]) -> dict[int, tuple[str, int]] | None:
    """Column -> (landmark, axis) for a row per person; None where these are not landmarks."""
    found: dict[int, tuple[str, int]] = {}
    for column, raw in enumerate(header):
        name = raw.strip().lower()
        axis = "|".join(sorted(_AXIS, key=len, reverse=True))
        match = re.fullmatch(rf"(?P<a>{axis})_?(?P<n>[0-9]+)", name)
        match = match or re.fullmatch(rf"(?P<n>.+?)[_. ](?P<a>{axis})", name)
        match = match or re.fullmatch(rf"(?P<a>{axis})_(?P<n>.+)", name)
        if match is None:
            continue
        digits = re.fullmatch(r"\D*(\d+)", match["n"])
        index = _landmark(match["n"])
        if digits is not None and index is None:
            found[column] = (f"#{int(digits[1])}", _AXIS[match["a"]])
        elif index is not None:
            found[column] = (BLAZEPOSE_NAMES[index], _AXIS[match["a"]])
    xs = {name for name, axis in found.values() if axis == 0}
    ys = {name for name, axis in found.values() if axis == 1}
    wide = xs == ys and len(xs) in BY_COUNT
    return found if wide else None


def is_long(header: Sequence[str]) -> bool:
    """Whether a header is that of a row per landmark."""
    names = {name.strip().lower() for name in header}
    return {"x", "y"} <= names and bool(names & set(_LANDMARK_COLUMNS))


def header_of(text: str) -> tuple[list[str], str]:
    """The names of the columns in the first line, and what separates them."""
    first = text.lstrip("\ufeff").partition("\n")[0].strip("\r")
    separator = max(",;\t", key=first.count)
    return next(csv.reader([first], delimiter=separator), []), separator


def _csv_rows(uri: str, data: bytes) -> Iterator[_Row]:
    text = data.decode("utf-8-sig", errors="replace")
    header, separator = header_of(text)
    names = [name.strip().lower() for name in header]
    columns = columns_of(header)
    if columns is None and not is_long(header):
        raise NotKeypoints(
            f"{uri}: expected a header with x and y of each landmark (x0, y0 or nose_x, nose_y), "
            f"or columns landmark, x, y; found {', '.join(header[:6])}"
        )
    rows = list(csv.reader(io.StringIO(text), delimiter=separator))[1:]
    try:
        yield from _wide(names, columns, rows) if columns else _long(names, rows)
    except (ValueError, IndexError, KeyError) as error:
        raise NotKeypoints(
            f"{uri}: expected numbers in each row, found others ({error})"
        ) from error


def _cell(text: str) -> float | None:
    return float(text) if text.strip() else None


def _of(names: Sequence[str], row: Sequence[str], wanted: Sequence[str]) -> float | None:
    lower = [name.lower() for name in wanted]
    column = next((names.index(name) for name in lower if name in names), None)
    return None if column is None else _number(_cell(row[column]))


def _wide(
    names: Sequence[str], columns: Mapping[int, tuple[str, int]], rows: Sequence[Sequence[str]]
) -> Iterator[_Row]:
    keys = sorted({name for name, _ in columns.values() if name.startswith("#")}, key=_order)
    named = not keys
    if named:
        keys = [name for name in BLAZEPOSE_NAMES if name in {key for key, _ in columns.values()}]
    place = {key: index for index, key in enumerate(keys)}
    filled = [row for row in rows if row]
    for index, row in enumerate(filled):
        points = np.full((len(keys), 4), np.nan)
        for column, (name, axis) in columns.items():
            value = _cell(row[column])
            points[place[name], axis] = math.nan if value is None else value
        yield _csv_row(names, row, index, points)


def _order(key: str) -> int:
    return int(key[1:])


def _csv_row(names: Sequence[str], row: Sequence[str], index: int, points: Points) -> _Row:
    time, number = _of(names, row, _TIMES), _of(names, row, _NUMBERS)
    identity = _of(names, row, _IDENTITIES)
    points[(points[:, :2] == 0).all(axis=1)] = np.nan
    return _Row(
        time,
        float(index) if number is None else number,
        None if identity is None or identity < 0 else int(identity),
        points if np.isfinite(points).any() else None,
    )


def _long(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[_Row]:
    """Rows of one landmark each: those of one frame and person follow each other."""
    column = next(names.index(name) for name in _LANDMARK_COLUMNS if name in names)
    sure = next((names.index(name) for name in _SURE if name in names), None)
    axes = [names.index(name) if name in names else None for name in "xyz"]
    groups: dict[tuple[Any, ...], list[tuple[str, list[float], Sequence[str]]]] = {}
    for row in filter(None, rows):
        key = tuple(_of(names, row, each) for each in (_TIMES, _NUMBERS, _IDENTITIES))
        cells = [None if axis is None else _cell(row[axis]) for axis in (*axes, sure)]
        values = [math.nan if cell is None else cell for cell in cells]
        groups.setdefault(key, []).append((row[column], values, row))
    for index, found in enumerate(groups.values()):
        if all(re.fullmatch(r"\s*\d+\s*", name) for name, _, _ in found):
            ordered = sorted(found, key=lambda one: int(one[0]))
            points: Points | None = np.array([values for _, values, _ in ordered])
        else:
            pairs = [(_landmark(name), values) for name, values, _ in found]
            known = [(i, values) for i, values in pairs if i is not None]
            points = _by_index(known) if len(known) == len(pairs) else None
        if points is None:
            raise ValueError(f"landmarks {', '.join(name for name, _, _ in found[:3])}, ...")
        yield _csv_row(names, found[0][2], index, points)
