"""Regions of interest: turned squares in the image, the crops they cut and the way back.

A region is a row (x, y, side, angle): centre and side in pixels of the image, angle in radians,
clockwise as seen. Coordinates are continuous: pixel i covers [i, i + 1), as in MediaPipe's
ImageToTensorCalculator, whose crops these equal.
"""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Regions = npt.NDArray[np.float64]

MARGIN: Final = 1.25
"""A region's side is the double distance from mid-hip to the full-body point, times this."""


def around(mid_hip: npt.NDArray[np.floating], full_body: npt.NDArray[np.floating]) -> Regions:
    """Regions (N, 4) of people whose mid-hip and full-body points are (N, 2) pixels.

    The full-body point lies on a circle around the whole body, in the direction of the head: the
    region is turned so that it comes out on top.
    """
    towards = np.asarray(full_body, np.float64) - mid_hip
    side = 2.0 * MARGIN * np.hypot(towards[:, 0], towards[:, 1])
    angle = np.arctan2(towards[:, 0], -towards[:, 1])
    return np.column_stack([mid_hip, side, angle]).astype(np.float64)


def whole(frame: npt.NDArray[np.uint8]) -> Regions:
    """The upright region (1, 4) that holds all of the frame (H, W, 3), centred."""
    height, width = frame.shape[:2]
    return np.array([[width / 2, height / 2, max(width, height), 0.0]])


def matrices(regions: Regions) -> npt.NDArray[np.float64]:
    """Affine maps (N, 2, 3) from the unit square of a crop to pixels of the image."""
    x, y, side, angle = regions.T
    c, s = side * np.cos(angle), side * np.sin(angle)
    rows = [[c, -s, x - (c - s) / 2], [s, c, y - (s + c) / 2]]
    return np.moveaxis(np.array(rows), 2, 0)


def crop(
    frame: npt.NDArray[np.uint8],
    region: npt.NDArray[np.float64],
    out: npt.NDArray[np.uint8],
    *,
    border: int,
) -> None:
    """Fill `out` (S, S, 3) RGB with the region (4,) of frame (H, W, 3) BGR, in one bilinear step.

    `border` says what lies outside of the frame: black for the detector (cv2.BORDER_CONSTANT),
    the edge repeated for the landmarks (cv2.BORDER_REPLICATE), as the models are fed by MediaPipe.
    """
    side = out.shape[0]
    matrix = (matrices(region[None])[0] / [side, side, 1]).astype(np.float32)
    pixel = np.arange(side, dtype=np.float32)
    x, y = (np.add.outer(down * pixel + start, right * pixel) for right, down, start in matrix)
    # Positions in 1/32 of a pixel, as OpenCV 4 takes them in MediaPipe; version 5's warpAffine is
    # finer, no faster, and moves landmarks by up to several percent of the torso.
    cells, fractions = cv2.convertMaps(x, y, cv2.CV_16SC2)
    cv2.remap(frame, cells, fractions, cv2.INTER_LINEAR, dst=out, borderMode=border)
    cv2.cvtColor(out, cv2.COLOR_BGR2RGB, dst=out)


def crops(
    frames: Sequence[npt.NDArray[np.uint8]],
    owners: Sequence[int],
    regions: Regions,
    side: int,
    *,
    border: int,
) -> npt.NDArray[np.uint8]:
    """Crops (N, side, side, 3) RGB of regions (N, 4); row i is cut from frames[owners[i]]."""
    out = np.empty((len(owners), side, side, 3), np.uint8)
    for owner, region, into in zip(owners, regions, out, strict=True):
        crop(frames[owner], region, into, border=border)
    return out


def to_image(points: npt.NDArray[np.floating], regions: Regions) -> npt.NDArray[np.float64]:
    """Points (N, J, 2 or 3) of the crops' unit squares in pixels; z is scaled like x."""
    matrix = matrices(regions)
    placed = np.array(points, np.float64)
    placed[..., :2] = points[..., :2] @ matrix[:, :, :2].transpose(0, 2, 1) + matrix[:, None, :, 2]
    placed[..., 2:] *= regions[:, 2, None, None]
    return placed


def turn(world: npt.NDArray[np.floating], regions: Regions) -> npt.NDArray[np.float64]:
    """World points (N, J, 3) from the axes of the crops to those of the image."""
    c, s = np.cos(regions[:, 3]), np.sin(regions[:, 3])
    rotation = np.zeros((len(regions), 3, 3))
    rotation[:, 0, 0], rotation[:, 0, 1] = c, -s
    rotation[:, 1, 0], rotation[:, 1, 1] = s, c
    rotation[:, 2, 2] = 1.0
    return world @ rotation.transpose(0, 2, 1)
