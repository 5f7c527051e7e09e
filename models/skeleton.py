"""The canonical skeleton of 15 joints, and how every source of landmarks maps onto it."""

from collections.abc import Mapping
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

_Real = TypeVar("_Real", bound=np.floating)

JOINTS: Final = (
    "nose", "neck",
    "right_shoulder", "right_elbow", "right_wrist",
    "left_shoulder", "left_elbow", "left_wrist",
    "mid_hip",
    "right_hip", "right_knee", "right_ankle",
    "left_hip", "left_knee", "left_ankle",
)  # fmt: skip
"""OpenPose BODY_25's first fifteen keypoints, in its order."""

JOINT: Final[Mapping[str, int]] = {name: index for index, name in enumerate(JOINTS)}

MIRROR: Final = (0, 1, 5, 6, 7, 2, 3, 4, 8, 12, 13, 14, 9, 10, 11)
"""Joint i of the mirrored person is joint MIRROR[i] of the person."""

BONES: Final = (
    (0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 8),
    (8, 9), (9, 10), (10, 11), (8, 12), (12, 13), (13, 14),
)  # fmt: skip
"""Pairs of joints to draw a line between."""

BONE_LENGTHS: Final[Mapping[tuple[str, str], float]] = {
    ("mid_hip", "neck"): 1.0, ("neck", "nose"): 0.3,
    ("neck", "right_shoulder"): 0.35, ("right_shoulder", "right_elbow"): 0.58,
    ("right_elbow", "right_wrist"): 0.5,
    ("neck", "left_shoulder"): 0.35, ("left_shoulder", "left_elbow"): 0.58,
    ("left_elbow", "left_wrist"): 0.5,
    ("mid_hip", "right_hip"): 0.225, ("right_hip", "right_knee"): 0.84,
    ("right_knee", "right_ankle"): 0.82,
    ("mid_hip", "left_hip"): 0.225, ("left_hip", "left_knee"): 0.84,
    ("left_knee", "left_ankle"): 0.82,
}  # fmt: skip
"""Usual length of each bone (parent, child) in torso lengths; a tree from mid-hip, parents first.

Legs and forearms follow Drillis and Contini (1966; Winter, Biomechanics and Motor Control of Human
Movement, figure 4.1: forearm 0.146, thigh 0.245, shank 0.246 of stature, shoulder less hip 0.288).
Shoulders, hips, upper arms and the nose are measured between the points that pose networks mark,
which lie further in than the bones' ends. The shipped networks were trained with these numbers.
"""

ANGLES: Final[Mapping[str, tuple[str, str, str]]] = {
    "right_elbow": ("right_shoulder", "right_elbow", "right_wrist"),
    "left_elbow": ("left_shoulder", "left_elbow", "left_wrist"),
    "right_shoulder": ("right_hip", "right_shoulder", "right_elbow"),
    "left_shoulder": ("left_hip", "left_shoulder", "left_elbow"),
    "right_hip": ("right_shoulder", "right_hip", "right_knee"),
    "left_hip": ("left_shoulder", "left_hip", "left_knee"),
    "right_knee": ("right_hip", "right_knee", "right_ankle"),
    "left_knee": ("left_hip", "left_knee", "left_ankle"),
}
"""Angle at the joint in the middle, between the two others; 180 degrees is straight."""

# For each canonical joint the source landmark, or the two, whose mean it is.
_BLAZEPOSE = (
    (0,), (11, 12), (12,), (14,), (16,), (11,), (13,), (15,),
    (23, 24), (24,), (26,), (28,), (23,), (25,), (27,),
)  # fmt: skip
_COCO18 = (
    (0,), (1,), (2,), (3,), (4,), (5,), (6,), (7,),
    (8, 11), (8,), (9,), (10,), (11,), (12,), (13,),
)  # fmt: skip
_BODY25 = tuple((index,) for index in range(15))
_COCO17 = (
    (0,), (5, 6), (6,), (8,), (10,), (5,), (7,), (9,),
    (11, 12), (12,), (14,), (16,), (11,), (13,), (15,),
)  # fmt: skip
_FACE = [1, 2, 3, 4]
_HALPE26 = (*_COCO17[:1], (18,), *_COCO17[2:8], (19,), *_COCO17[9:])

TOPOLOGIES: Final[Mapping[str, tuple[int, tuple[tuple[int, ...], ...]]]] = {
    "blazepose33": (33, _BLAZEPOSE),
    "body25": (25, _BODY25),
    "coco18": (18, _COCO18),
    "canonical15": (15, _BODY25),
    "coco17": (17, _COCO17),
    "halpe26": (26, _HALPE26),
    "body25b": (25, _COCO17),
}
"""Name -> (number of landmarks, source landmarks of each canonical joint).

blazepose33: MediaPipe's pose landmarks. body25, coco18: OpenPose, doc/02_output.md. coco17: COCO's
person keypoints, the order of YOLO, rtmlib, MMPose and MoveNet. halpe26: Halpe-FullBody, COCO-17
first, then head, neck, hip and feet. body25b: openpose_train, COCO-17 first, then upper neck, top
of the head and feet; its upper neck lies above the others' neck, which is between the shoulders.
"""

BLAZEPOSE_NAMES: Final = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye",
    "right_eye_outer", "left_ear", "right_ear", "mouth_left", "mouth_right",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_pinky", "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    "left_heel", "right_heel", "left_foot_index", "right_foot_index",
)  # fmt: skip
"""MediaPipe's PoseLandmark, in its order."""

COCO_NAMES: Final = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
"""The landmarks of coco17, in its order."""

BY_COUNT: Final[Mapping[int, str]] = {
    count: name for name, (count, _) in reversed(list(TOPOLOGIES.items()))
}
"""Number of landmarks -> topology; 25 are body25 unless `twenty_five` says otherwise."""


def twenty_five(landmarks: npt.NDArray[np.floating]) -> str:
    """`body25` or `body25b` for landmarks (N, 25, 2 or more), NaN for those that are not seen.

    Beside the nose lie eyes and ears: of BODY_25 the landmarks 15 to 18, of BODY_25B 1 to 4, where
    BODY_25 has neck and right arm. Without a face the hips tell: landmark 8 of BODY_25 is the
    middle of 9 and 12, of BODY_25B an elbow.
    """
    places = landmarks[..., :2].astype(np.float64)
    away = np.linalg.norm(places - places[:, :1], axis=-1)
    nearest = [away[:, group][np.isfinite(away[:, group])] for group in ([15, 16, 17, 18], _FACE)]
    if all(map(len, nearest)):
        return "body25" if np.median(nearest[0]) <= np.median(nearest[1]) else "body25b"
    middle = np.linalg.norm(places[:, 8] - (places[:, 9] + places[:, 12]) / 2, axis=-1)
    trunk = np.linalg.norm(places[:, 5] - places[:, 12], axis=-1)
    known = np.isfinite(middle) & np.isfinite(trunk) & (trunk > 0)
    if not known.any():
        return "body25"
    return "body25" if np.median(middle[known] / trunk[known]) < 1 / 4 else "body25b"


def to_canonical(landmarks: npt.NDArray[_Real], topology: str) -> npt.NDArray[_Real]:
    """Landmarks (N, L, C) of a topology as canonical joints (N, 15, C).

    A joint that is the middle of two landmarks is NaN where either is NaN. The same function
    serves positions and visibilities (give those as (N, L, 1)).
    """
    if topology not in TOPOLOGIES:
        known = ", ".join(TOPOLOGIES)
        raise ValueError(f"unknown landmark topology {topology!r}; expected one of: {known}")
    count, sources = TOPOLOGIES[topology]
    if landmarks.ndim != 3 or landmarks.shape[1] != count:
        raise ValueError(f"{topology} needs landmarks (N, {count}, C), found {landmarks.shape}")
    first, second = ([source[end] for source in sources] for end in (0, -1))
    joints: npt.NDArray[_Real] = np.take(landmarks, first, axis=1)
    if first != second:
        joints += np.take(landmarks, second, axis=1)
        joints /= 2
    return joints


def joint_angles_deg(joints: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """ANGLES in degrees: joints (N, 15, 2 or 3) -> (N, 8), NaN where missing."""
    triples = np.array([[JOINT[name] for name in triple] for triple in ANGLES.values()])
    first, middle, last = (joints[:, triples[:, column]] for column in range(3))
    a, b = first - middle, last - middle
    norms = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    cosine = (a * b).sum(axis=-1) / np.where(norms > 0, norms, np.nan)
    angles: npt.NDArray[np.floating] = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return angles
