"""Shaded outlines of limbs over all frames, and how OpenCV fills them."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from repscore.pipelines.demo.figure import Array
from repscore.pipelines.demo.scene import Colour, Image

Outline = npt.NDArray[np.int32]

_SHIFT: Final = 4  # OpenCV's fixed point: coordinates in sixteenths of a pixel
_SHADES: Final = ((1.0, 0.0, 0.72), (0.87, 0.10, 0.89), (0.66, 0.22, 1.0), (0.34, 0.38, 1.08))
"""Width, shift towards the light (both shares of the radius) and brightness of each fill."""
_EDGE: Final = 0.52  # brightness of outlines
_NOTHING: Final = np.zeros((0, 2), np.int32)


class Layer(NamedTuple):
    """Outlines of N frames, each (K, 2) in sixteenths of a pixel; K = 0 draws nothing."""

    paths: Sequence[Outline] | npt.NDArray[np.int32]
    bgr: tuple[float, float, float]
    filled: bool = True


class BodyPart(NamedTuple):
    """Layers that belong together, drawn in their order, and their distance (N,) in metres."""

    depth_m: Array
    layers: list[Layer]


def bgr_of(colour: Colour, brightness: float) -> tuple[float, float, float]:
    """An RGB colour darker (below 1) or lighter; shadows are a little cool."""
    red, green, blue = (min(255.0, value * brightness) for value in colour)
    return min(255.0, blue * (1.0 + 0.08 * max(0.0, 1.0 - brightness))), green, red


def to_fixed(points_px: Array) -> npt.NDArray[np.int32]:
    """Pixels as OpenCV takes them with `shift`; each row contiguous."""
    return np.round(points_px * (1 << _SHIFT)).astype(np.int32, order="C")


_ARC: Final = np.linspace(0.0, np.pi, 9)
CIRCLE: Final = np.linspace(0.0, 2.0 * np.pi, 16, endpoint=False)


def directions(centres: Array) -> tuple[Array, Array]:
    """Unit vectors (N, 2) along and across axes (N, R, 2); down where an axis has no length."""
    span = centres[:, -1] - centres[:, 0]
    length = np.linalg.norm(span, axis=1, keepdims=True)
    along = np.where(length > 1e-6, span / np.maximum(length, 1e-6), [0.0, 1.0])
    return along, np.stack([-along[:, 1], along[:, 0]], axis=1)


def tapered(
    centres: Array, half_px: Array, colour: Colour, light: float, end: float = 1.0
) -> list[Layer]:
    """A limb with centres (N, R, 2) and half-widths (N, R); `end` 1 is round, 0 is cut off."""
    along, across = directions(centres)
    side, ahead = across[:, None], along[:, None]
    half = half_px[..., None]
    towards = np.array([0.55 * light, -0.45])
    towards = (towards - 0.6 * (along @ towards)[:, None] * along)[:, None]
    cap = np.cos(_ARC)[:, None] * side + end * np.sin(_ARC)[:, None] * ahead  # (N, 9, 2)
    layers = []
    for width, shift, brightness in _SHADES:
        middle, wide = centres + shift * half * towards, half * width
        outline = [
            middle[:, :1] - wide[:, :1] * cap,
            (middle + wide * side)[:, 1:-1],
            middle[:, -1:] + wide[:, -1:] * cap,
            (middle - wide * side)[:, -2:0:-1],
        ]
        layers.append(Layer(to_fixed(np.concatenate(outline, axis=1)), bgr_of(colour, brightness)))
    sides = [to_fixed(centres + sign * half * side) for sign in (-1.0, 1.0)]
    layers += [Layer(path, bgr_of(colour, _EDGE), filled=False) for path in sides]
    return layers


def rounded(points_px: Sequence[Array], colour: Colour, light: float) -> list[Layer]:
    """The convex hulls of N point sets (K, 2), shaded like a ball; fewer than 3 points: nothing."""
    hulls = [
        cv2.convexHull(points.astype(np.float32)).reshape(-1, 2).astype(np.float64)
        if len(points) > 2
        else np.zeros((0, 2))
        for points in points_px
    ]
    centres = [hull.mean(axis=0) if len(hull) else np.zeros(2) for hull in hulls]
    layers = []
    for width, shift, brightness in _SHADES:
        paths = []
        for hull, centre in zip(hulls, centres, strict=True):
            reach = np.abs(hull - centre).max(initial=0.0)
            place = centre + shift * reach * np.array([0.4 * light, -0.3])
            paths.append(to_fixed(place + width * (hull - centre)))
        layers.append(Layer(paths, bgr_of(colour, brightness)))
    closed = [to_fixed(np.concatenate([hull, hull[:1]])) for hull in hulls]
    layers.append(Layer(closed, bgr_of(colour, _EDGE), filled=False))
    return layers


def visible_only(paths_px: Array, visible: npt.NDArray[np.bool_]) -> list[Outline]:
    """Outlines (N, K, 2) in the frames where they are visible (N,); empty in the others."""
    fixed = to_fixed(paths_px)
    return [path if seen else _NOTHING for path, seen in zip(fixed, visible, strict=True)]


def draw(image: Image, parts: Sequence[BodyPart], index: int) -> None:
    """Draw frame `index` of the parts into the image, from far to near."""
    for part in sorted(parts, key=lambda part: -part.depth_m[index]):
        for layer in part.layers:
            path = layer.paths[index]
            if not len(path):
                continue
            if layer.filled:
                cv2.fillPoly(image, [path], layer.bgr, cv2.LINE_AA, _SHIFT)
            else:
                cv2.polylines(image, [path], False, layer.bgr, 1, cv2.LINE_AA, _SHIFT)
