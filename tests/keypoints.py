"""Keypoints for tests: a person raises both arms sideways and back, once every two seconds."""

import json
from pathlib import Path

import fakes
import numpy as np

PERIOD_S = 2.0

# For each landmark of BODY_25 and COCO-18 the BlazePose landmarks whose mean it is.
_BODY25 = (
    *((0,), (11, 12), (12,), (14,), (16,), (11,), (13,), (15,), (23, 24)),
    *((24,), (26,), (28,), (23,), (25,), (27,), (5,), (2,), (8,), (7,)),
    *((31,), (31,), (29,), (32,), (32,), (30,)),
)
_COCO18 = (*_BODY25[:8], *_BODY25[9:15], *_BODY25[15:19])
_COCO17 = tuple((index,) for index in (0, 2, 5, 7, 8, *range(11, 17), *range(23, 29)))
_HALPE26 = (
    *(*_COCO17, (2, 5), (11, 12), (23, 24)),
    *((31,), (32,), (31,), (32,), (29,), (30,)),
)
_BODY25B = (*_COCO17, (9, 10, 11, 12), (2, 5), *_BODY25[19:])
_SOURCES = {
    "blazepose33": tuple((index,) for index in range(33)),
    "body25": _BODY25, "body25b": _BODY25B, "coco18": _COCO18, "coco17": _COCO17,
    "halpe26": _HALPE26, "canonical15": _BODY25[:15],
}  # fmt: skip


def blazepose(time_s: float, x_px: float = 320.0) -> np.ndarray:
    """(33, 2) pixels; the hips lie at (x_px, 240), the torso is 50 px long."""
    people = fakes.ArmRaiser().track(np.zeros((2, 2, 3), np.uint8), time_s)
    return people.image_px[0, :, :2] + [x_px - 320, 0]


def body25(time_s: float, x_px: float = 320.0) -> np.ndarray:
    """(25, 2) pixels."""
    return landmarks("body25", time_s, x_px)


def coco18(time_s: float, x_px: float = 320.0) -> np.ndarray:
    """(18, 2) pixels."""
    return landmarks("coco18", time_s, x_px)


def landmarks(topology: str, time_s: float, x_px: float = 320.0) -> np.ndarray:
    """(L, 2) pixels."""
    points = blazepose(time_s, x_px)
    return np.stack([points[list(sources)].mean(axis=0) for sources in _SOURCES[topology]])


def document(*people: np.ndarray) -> str:
    """What OpenPose writes for people (L, 2 or 3); NaN joints are written as zeros."""
    rows = []
    for joints in people:
        triples = np.ones((len(joints), 3))
        triples[:, : joints.shape[1]] = joints
        triples[np.isnan(triples).any(axis=1)] = 0
        flat = triples.ravel().tolist()
        rows.append({"person_id": [-1], "pose_keypoints_2d": flat, "hand_left_keypoints_2d": []})
    return json.dumps({"version": 1.3, "people": rows})


def frame_path(folder: Path, number: int, name: str = "clip_") -> Path:
    return folder / f"{name}{number:012d}_keypoints.json"


def raises(
    folder: Path, seconds: float, *, fps: float = 30.0, name: str = "clip_", people: int = 1
) -> Path:
    """A recording of BODY_25 in `folder`: people side by side, 200 px apart."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(round(seconds * fps)):
        bodies = [body25(number / fps, 320 + 200 * index) for index in range(people)]
        frame_path(folder, number, name).write_text(document(*bodies))
    return folder


def raises_npz(path: Path, seconds: float) -> None:
    """Keypoints of a person who raises both arms every two seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    places = np.stack([blazepose(number / 10) for number in range(round(seconds * 10))])
    np.savez(path, image_px=places, fps=10.0, size_px=[640, 480])
