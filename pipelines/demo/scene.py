"""Where the athlete is seen: colours, the camera, the empty room and the shadow on its floor."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from repscore.pipelines.demo.figure import POINT, Array

Image = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Look:
    """Colours, red green blue, 0..255; `light` comes from the left (-1) to the right (1)."""

    skin: Colour = (214, 168, 138)
    hair: Colour = (62, 44, 34)
    shirt: Colour = (52, 104, 168)
    trousers: Colour = (44, 46, 58)
    stripe: Colour = (222, 226, 232)
    socks: Colour = (232, 232, 232)
    shoes: Colour = (210, 82, 60)
    wall: Colour = (196, 202, 204)
    floor: Colour = (158, 128, 98)
    mat: Colour = (86, 96, 116)
    shorts: bool = True
    long_hair: bool = False
    light: float = -1.0


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera that looks at a point above the floor.

    Attributes:
        azimuth_deg: 0 sees the athlete from the front, 90 from the athlete's left.
        elevation_deg: above the horizon.
        focal: focal length in image heights, so that a smaller image shows the same picture.
        target_m: the point it looks at: to the athlete's left, up, to the front.
    """

    azimuth_deg: float = 0.0
    elevation_deg: float = 6.0
    distance_m: float = 3.6
    focal: float = 1.35
    target_m: tuple[float, float, float] = (0.0, 0.95, 0.0)
    width_px: int = 480
    height_px: int = 640

    def __post_init__(self) -> None:
        if min(self.width_px, self.height_px) < 16:
            raise ValueError(f"an image of {self.width_px}x{self.height_px} px; 16 is the least")
        if self.width_px % 2 or self.height_px % 2:
            raise ValueError(
                f"video codecs want even sizes, found {self.width_px}x{self.height_px} px"
            )
        if self.distance_m <= 0 or self.focal <= 0:
            raise ValueError("distance_m and focal of a camera are positive")

    def axes(self) -> Array:
        """Rows: the image's right, down, and into the picture (3, 3)."""
        azimuth, elevation = np.radians(self.azimuth_deg), np.radians(self.elevation_deg)
        flat = np.array([np.sin(azimuth), 0.0, np.cos(azimuth)])
        back = np.cos(elevation) * flat + np.array([0.0, np.sin(elevation), 0.0])
        right = np.array([np.cos(azimuth), 0.0, -np.sin(azimuth)])
        return np.stack([right, np.cross(right, back), -back])

    def project(self, points: Array) -> Array:
        """World points (..., 3) in metres -> (..., 3): x and y in pixels, distance in metres."""
        axes = self.axes()
        seen = (points - np.asarray(self.target_m)) @ axes.T
        depth = seen[..., 2] + self.distance_m
        scale = self.focal * self.height_px / depth
        centre = np.array([self.width_px, self.height_px]) / 2.0
        return np.concatenate(
            [seen[..., :2] * scale[..., None] + centre, depth[..., None]], axis=-1
        )

    def scale_px(self, depth_m: Array) -> Array:
        """Pixels per metre at distances of any shape."""
        return self.focal * self.height_px / depth_m


def empty_room(look: Look, camera: Camera, seed: int) -> Image:
    """Wall, skirting, wooden floor and mat as the camera sees them: (H, W, 3) uint8, BGR."""
    rng = np.random.default_rng((seed, 2))
    height, width = camera.height_px, camera.width_px
    focal_px = camera.focal * height
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = (x - width / 2) / focal_px, (y - height / 2) / focal_px
    axes = camera.axes().astype(np.float32)
    eye = np.asarray(camera.target_m, np.float32) - np.float32(camera.distance_m) * axes[2]
    rays = x[..., None] * axes[0] + y[..., None] * axes[1] + axes[2]
    back = axes[2] * np.array([1, 0, 1], np.float32)
    back /= np.linalg.norm(back)
    to_wall = (2.0 - eye @ back) / (rays @ back)
    to_floor = np.where(rays[..., 1] < 0, eye[1] / np.maximum(-rays[..., 1], 1e-6), np.inf)
    is_floor = to_floor < to_wall
    hit = eye + np.minimum(to_floor, to_wall)[..., None] * rays
    aside, away = hit @ axes[0], hit @ back
    # Floor: planks across the picture, each with its own tone, joints between them.
    plank = np.floor(away / 0.16).astype(int)
    tone = rng.uniform(0.91, 1.05, 97)[plank % 97]
    grain = 0.012 * np.sin(away * 150 + 4 * np.sin(aside * 1.7 + 60 * tone))
    joint = np.where(np.abs((away / 0.16) % 1 - 0.5) > 0.46, -0.12, 0.0)
    floor = (tone + grain + joint - 0.05 * away)[..., None] * np.array(look.floor)
    # Wall: brighter where the light is, faint blotches, a skirting board.
    coarse = rng.normal(0, 0.012, (9, 9)).astype(np.float32)
    blotches = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    bright = 0.96 + blotches + 0.06 * look.light * np.clip(aside / 2, -1, 1)
    bright = bright + 0.05 * (hit[..., 1] - 1)
    bright = np.where(hit[..., 1] < 0.10, 0.80, bright)
    bright = bright - 0.15 * (np.abs(hit[..., 1] - 0.10) < 0.008)
    room = np.where(is_floor[..., None], floor, bright[..., None] * np.array(look.wall))
    # The mat lies along the athlete.
    off = np.abs(hit[..., [0, 2]] - np.array(camera.target_m)[[0, 2]]) - np.array([0.42, 1.0])
    edge = off.max(axis=-1)
    mat = np.array(look.mat) * np.where(edge > -0.025, 0.86, 1.0)[..., None]
    room = np.where((is_floor & (edge < 0))[..., None], mat, room)
    blue_green_red: Image = np.clip(room[..., ::-1], 0, 255).astype(np.uint8)
    return blue_green_red


_SHADOW: Final = (
    ("head", "neck", 0.09),
    ("neck", "mid_hip", 0.17),
    *(
        (f"{side}_{start}", f"{side}_{end}", radius_m)
        for side in ("left", "right")
        for start, end, radius_m in (
            ("hip", "knee", 0.09),
            ("knee", "ankle", 0.06),
            ("heel", "toe", 0.06),
            ("shoulder", "elbow", 0.06),
            ("elbow", "hand", 0.05),
        )
    ),
)
"""Segments that cast a shadow, and their radii."""


_COARSE: Final = 4  # a shadow is soft: it is drawn on every fourth pixel


def shadow_paths(points: Array, look: Look, camera: Camera) -> npt.NDArray[np.int32]:
    """Where figures (N, P, 3) keep the light from the floor: (N, len(_SHADOW), 5) coarse pixels.

    A row is the x and y of both ends of a stroke, and its width.
    """
    right, _, into = camera.axes()
    slant = 0.22 * (0.3 * into - look.light * right)
    cast = points + points[..., 1:2] * np.array([slant[0], -1.0, slant[2]])
    seen = camera.project(cast)
    first = seen[:, np.array([POINT[start] for start, _, _ in _SHADOW])]
    second = seen[:, np.array([POINT[end] for _, end, _ in _SHADOW])]
    radii_m = np.array([radius_m for _, _, radius_m in _SHADOW])
    wide = 1.4 * radii_m * camera.scale_px((first + second)[..., 2] / 2)
    rows = np.concatenate([first[..., :2], second[..., :2], wide[..., None]], axis=-1)
    return np.round(rows / _COARSE).astype(np.int32)


def shadowed(room: Image, strokes: npt.NDArray[np.int32]) -> Image:
    """A copy of the room with the floor darkened along strokes (K, 5), see `shadow_paths`."""
    height, width = room.shape[:2]
    soft = height / 290
    mask = np.full((-(-height // _COARSE), -(-width // _COARSE)), 255, np.uint8)
    for x1, y1, x2, y2, wide in strokes.tolist():
        cv2.line(mask, (x1, y1), (x2, y2), (150,), max(1, wide), cv2.LINE_AA)
    mask = cv2.GaussianBlur(mask, (0, 0), soft).astype(np.uint8)
    # Above its highest stroke nothing is darker.
    reach = strokes[:, 4].max() + 3 * soft
    top = int(np.clip((strokes[:, [1, 3]].min() - reach) * _COARSE, 0, height - 1))
    large = cv2.resize(mask, (mask.shape[1] * _COARSE, mask.shape[0] * _COARSE))[top:height, :width]
    image = room.copy()
    image[top:] = cv2.multiply(room[top:], cv2.merge([large, large, large]), scale=1 / 255)
    return image
