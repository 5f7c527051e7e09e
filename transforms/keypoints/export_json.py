"""The people in a JSON file that holds a whole recording.

A list of frames, or an object with such a list and the size of the picture. A frame holds one
person or several: landmarks as objects with x and y (MediaPipe, MoveNet in JavaScript), as rows
(MMPose), as flat numbers (COCO results) or as lists of x and y (YOLO).
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from repscore.models.skeleton import BLAZEPOSE_NAMES, BY_COUNT
from repscore.transforms.keypoints.export_rows import (
    IDENTITIES,
    NUMBERS,
    SURE,
    TIMES,
    Points,
    Row,
    by_index,
    landmark_of,
    number_of,
)
from repscore.transforms.keypoints.span import NotKeypoints

_LANDMARKS: Final = ("pose_landmarks", "poseLandmarks", "landmarks", "keypoints")
_LANDMARKS_OPENPOSE: Final = ("pose_keypoints_2d", "pose_keypoints")
_WORLD: Final = (
    *("pose_world_landmarks", "poseWorldLandmarks", "world_landmarks", "worldLandmarks"),
)
_PEOPLE: Final = ("people", "persons", "poses", "instances", "predictions", "detections")
_FRAMES: Final = ("frames", "instance_info", "results", "data", "pose_data", "poses", "landmarks")
_SCORES: Final = ("keypoint_scores", "keypoints_scores", "keypoint_score", "scores")
_ABOUT: Final = ("metadata", "meta", "meta_info", "info", "video", "video_info")
_SIZES: Final = ("width", "height", "image_width", "image_height")


def json_rows(uri: str, data: bytes) -> tuple[list[Row], Mapping[str, Any]]:
    """The people of all frames, and what the file says of itself; raises NotKeypoints."""
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
    rows: list[Row] = []
    for index, frame in enumerate(frames):
        try:
            rows += _rows_of(frame, index)
        except (TypeError, ValueError, OverflowError) as error:
            raise NotKeypoints(
                f"{uri}: expected landmarks in frame {index}, found others ({error})"
            ) from error
    return rows, about


def _rows_of(frame: Any, index: int) -> list[Row]:
    """The people of a frame."""
    time = number = None
    people: list[Any] = []
    if isinstance(frame, dict):
        time = number_of(*(frame.get(name) for name in TIMES))
        number = number_of(*(_digits(frame.get(name)) for name in NUMBERS))
        within = next((frame[k] for k in _PEOPLE if isinstance(frame.get(k), list)), None)
        people = within if within is not None else _split(frame)
    elif isinstance(frame, list):
        people = [frame] if _points(frame) is not None else frame
    elif frame is not None:
        raise ValueError(type(frame).__name__)
    number = float(index) if number is None else number
    rows = [_row(time, number, one) for one in people]
    return rows or [Row(time, number, None, None)]


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


def _row(time: float | None, number: float, person: Any) -> Row:
    identity, world, scores = None, None, None
    if isinstance(person, dict):
        identity = number_of(*(person.get(name) for name in IDENTITIES))
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
    return Row(time, number, whole, points, _points(world) if world else None)


def _points(landmarks: Any) -> Points | None:
    """The landmarks of a person in whatever form; None where it is none of them."""
    if isinstance(landmarks, dict):
        if isinstance(landmarks.get("landmark"), list):  # a message of MediaPipe as JSON
            return _points(landmarks["landmark"])
        if isinstance(landmarks.get("x"), list):
            columns = [landmarks.get(k) for k in ("x", "y", "z")]
            sure = next((landmarks[k] for k in ("visible", *SURE) if k in landmarks), None)
            return _table([*columns, sure], len(landmarks["x"]))
        named = [(landmark_of(name), value) for name, value in landmarks.items()]
        if not named or any(i is None or not isinstance(v, dict) for i, v in named):
            return None
        return by_index([(i, _xyzv(value)) for i, value in named if i is not None])
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
    values.append(next((landmark[name] for name in SURE if name in landmark), None))
    return [math.nan if value is None else float(value) for value in values]


def _digits(value: Any) -> Any:
    """The number in the name of a picture ("000012.jpg"); anything else as it is."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r".*?([0-9]{1,15})(?:\.[A-Za-z]+)?", value)
    return None if found is None else int(found[1])
