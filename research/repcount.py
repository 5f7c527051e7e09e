"""RepCount-pose in the labelled layout: landmarks scaled to a box frame by frame, rectified.

The archive holds BlazePose landmarks whose x, y and z were stretched in every frame to span 0..1,
so a squat changes the length of the arms. The three factors of a frame follow from what a body
keeps: the lengths of its bones. Frames without a person are all zero.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from repscore.transforms.records import PoseFrames
from research.layout import KEYPOINTS, LabelRow, write_poses

Array = npt.NDArray[np.float64]

POSES, ANNOTATIONS = "poses.npz", "annotations.csv"
RATE_HZ: Final = 30.0
"""Frames per second: the archive does not say; its videos of 10 s have 250 or 300 frames."""

# BlazePose landmarks (from, to) and usual lengths in torsos: Drillis and Contini's proportions.
_BONES: Final = (
    (11, 12, 0.70), (23, 24, 0.45), (11, 23, 1.03), (12, 24, 1.03), (11, 13, 0.58), (12, 14, 0.58),
    (13, 15, 0.50), (14, 16, 0.50), (23, 25, 0.84), (24, 26, 0.84), (25, 27, 0.82), (26, 28, 0.82),
)  # fmt: skip
_FROM, _TO = [bone[0] for bone in _BONES], [bone[1] for bone in _BONES]
_USUAL = np.array([bone[2] for bone in _BONES])
_TORSO: Final = 2  # the bone that is the measure of the others
_PAIRS: Final = ((2, 3), (4, 5), (6, 7), (8, 9), (10, 11))  # left and right are of one length
_ROUNDS, _SWEEPS = 6, 60
_TORSO_PX: Final = 200.0


def convert(source: Path, target: Path) -> Iterator[LabelRow]:
    """Write the videos of a folder with `poses.npz` and `annotations.csv`; their labels.

    Countix-Fitness has the same files, with counts but without boundaries.
    """
    with np.load(source / POSES) as archive, (source / ANNOTATIONS).open() as file:
        for row in csv.DictReader(file):
            name, exercise = f"{row['video']}{KEYPOINTS}", row["exercise"]
            poses = poses_of(archive[row["video"]])
            write_poses(target / name, poses)
            frames = [tuple(map(int, span.split("-"))) for span in row["start_end_frames"].split()]
            spans = [(start / RATE_HZ, end / RATE_HZ) for start, end in frames if end > start]
            for start_s, end_s in spans:
                yield LabelRow(name, exercise, start_s, end_s)
            if not spans or int(row["count"]) != len(spans):
                yield LabelRow(name, exercise, count=int(row["count"]))


def poses_of(boxed: npt.NDArray[np.float32]) -> PoseFrames:
    """Landmarks (N, 33, 3), each axis of each frame 0..1, as poses of a body.

    World landmarks are in torsos, with the depth that BlazePose guesses.
    """
    present = boxed[..., :2].max(axis=(1, 2)) > 0
    image = rectify(boxed) * _TORSO_PX
    image[~present] = np.nan
    n = len(boxed)
    return PoseFrames(
        topology="blazepose33",
        time_s=np.arange(n) / RATE_HZ,
        image_px=image.astype(np.float32),
        world_m=image.astype(np.float32) / np.float32(_TORSO_PX),
        visibility=np.repeat(present[:, None], 33, axis=1).astype(np.float32),
    )


def rectify(boxed: npt.NDArray[np.float32]) -> Array:
    """Landmarks (N, 33, 3) without the scale of each axis of each frame; a torso has length one.

    With factors f of a frame, a bone with differences d has the squared length sum (f d)^2: linear
    in f^2. They solve a non-negative least squares problem in every frame, smoothed
    over neighbouring frames, given the lengths; these are estimated again from the result, half way
    to what is usual for a body. Bones that do not fit (misplaced landmarks) lose their weight.
    """
    points = boxed.astype(np.float64)
    squares = (points[:, _FROM] - points[:, _TO]) ** 2
    lengths, weights = _USUAL.copy(), np.ones(squares.shape[:2])
    factors = np.ones((len(points), 3))
    for _ in range(_ROUNDS):
        parts = squares / (lengths**2)[:, None]  # of a bone's squared length, to sum to one
        normal = np.einsum("nbi,nbj,nb->nij", parts, parts, weights)
        wanted = np.einsum("nbi,nb->ni", parts, weights)
        factors = _non_negative(
            gaussian_filter1d(normal, 1.5, axis=0), gaussian_filter1d(wanted, 1.5, axis=0)
        )
        fit = np.einsum("nbi,ni->nb", parts, factors)
        weights = 1.0 / (1.0 + ((fit - 1.0) / 0.4) ** 2)
        lengths = _between(np.sqrt(np.median(fit, axis=0)) * lengths)
    return points * np.sqrt(factors)[:, None]


def _non_negative(normal: Array, wanted: Array) -> Array:
    """Minimise x' A x / 2 - b' x over x >= 0 for each A (N, 3, 3) and b (N, 3), axis by axis."""
    solution = np.full(wanted.shape, 0.5)
    for _ in range(_SWEEPS):
        for axis in range(3):
            diagonal = normal[:, axis, axis]
            rest = (normal[:, axis] * solution).sum(axis=1) - diagonal * solution[:, axis]
            value = (wanted[:, axis] - rest) / np.maximum(diagonal, 1e-9)
            solution[:, axis] = np.maximum(value, 1e-4)
    return solution


def _between(measured: Array) -> Array:
    """Lengths half way between the measured and the usual ones, alike on both sides."""
    lengths = np.clip(measured, 0.3 * _USUAL, 3.0 * _USUAL)
    for right, left in _PAIRS:
        lengths[[right, left]] = (lengths[right] + lengths[left]) / 2
    lengths *= _USUAL[_TORSO] / lengths[_TORSO]
    mixed: Array = np.sqrt(_USUAL * np.clip(lengths, 0.5 * _USUAL, 1.6 * _USUAL))
    return mixed
