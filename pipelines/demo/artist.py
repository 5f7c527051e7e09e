"""What the athlete looks like: limbs, clothes, hands, shoes, hair and a face, over all frames."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from repscore.pipelines.demo.athlete import Motion
from repscore.pipelines.demo.figure import POINT, Array, Figure
from repscore.pipelines.demo.scene import Camera, Colour, Look
from repscore.pipelines.demo.strokes import (
    CIRCLE,
    BodyPart,
    Layer,
    bgr_of,
    directions,
    rounded,
    tapered,
    visible_only,
)

_Radii = Sequence[tuple[float, float]]  # share of the way, radius in metres

_IRON: Final[Colour] = (66, 68, 74)


class Artist:
    """Layers of each part of the body, over all frames of a motion."""

    def __init__(self, figure: Figure, motion: Motion, look: Look, camera: Camera) -> None:
        self.points = figure.points
        self.left, self.up, self.front = (figure.trunk[:, :, axis] for axis in range(3))
        self.skull = np.swapaxes(figure.head, 1, 2)  # (N, 3, 3), rows: left, up, front
        self.body = motion.body
        self.holds_weights = motion.exercise in ("biceps_curl", "shoulder_press")
        self.size = motion.body.height_m / 1.75
        self.look, self.camera = look, camera

    def parts(self) -> list[BodyPart]:
        """All parts, in no order."""
        sides = [part for side in ("right", "left") for part in (*self.leg(side), *self.arm(side))]
        return [self.trunk(), *sides, *self.head()]

    def at(self, name: str) -> Array:
        """A point of the figure (N, 3)."""
        point: Array = self.points[:, POINT[name]]
        return point

    def limb(self, start: Array, end: Array, radii: _Radii, colour: Colour) -> list[Layer]:
        """Layers of a limb with round sections, from start to end (N, 3)."""
        shares, radius = np.array(radii).T
        way = start[:, None] + shares[:, None] * (end - start)[:, None]
        seen = self.camera.project(way)
        half = radius * self.size * self.body.girth**0.7 * self.camera.scale_px(seen[..., 2])
        return tapered(seen[..., :2], half, colour, self.look.light)

    def depth_m(self, *points: Array) -> Array:
        """Mean distance from the camera (N,)."""
        depths = [self.camera.project(point)[:, 2] for point in points]
        mean: Array = np.mean(depths, axis=0)
        return mean

    def barrel(self, rings: Sequence[tuple[float, float, float]], colour: Colour) -> list[Layer]:
        """A piece of the trunk: (height in torso lengths, half-width, half-depth in m) a ring."""
        heights, widths, depths = np.array(rings).T
        middle = self.at("mid_hip")[:, None] + (
            self.body.torso_m * heights[:, None] * self.up[:, None]
        )
        seen = self.camera.project(middle)
        _, across = directions(seen[..., :2])
        flat = self.camera.axes()[:2].T  # (3, 2)
        sideways = (self.left @ flat * across).sum(axis=1)[:, None]
        forwards = (self.front @ flat * across).sum(axis=1)[:, None]
        half = self.size * self.body.girth * np.hypot(widths * sideways, depths * forwards)
        scale = self.camera.scale_px(seen[..., 2])
        return tapered(seen[..., :2], half * scale, colour, self.look.light, end=0.35)

    def trunk(self) -> BodyPart:
        """Hips, shirt with a band across the chest, neck."""
        look = self.look
        hip, broad = self.body.hip_m / self.size, self.body.shoulder_m / self.size
        hips = ((-0.10, hip + 0.03, 0.10), (0.06, hip + 0.05, 0.115), (0.2, hip + 0.03, 0.1))
        shirt = (
            (0.13, hip + 0.050, 0.116),
            (0.38, hip + 0.030, 0.104),
            (0.72, broad - 0.008, 0.122),
            (0.94, broad + 0.010, 0.102),
            (1.06, broad - 0.020, 0.076),
            (1.16, 0.058, 0.055),
        )
        collar = self.at("neck") + 0.03 * self.size * self.up
        throat = self.at("head") - 0.05 * self.size * self.skull[:, 1]
        neck = ((0.0, 0.058), (0.5, 0.052), (1.0, 0.054))
        layers = [
            *self.barrel(hips, look.trousers),
            *self.barrel(shirt, look.shirt),
            self.band(),
            *self.limb(collar, throat, neck, look.skin),
        ]
        return BodyPart(self.depth_m(self.at("mid_hip"), self.at("neck")) - 0.05, layers)

    def band(self) -> Layer:
        """A band across the chest, invisible from behind."""
        girth = self.size * self.body.girth
        turn = np.linspace(-1.1, 1.1, 9)[:, None]
        wide = (self.body.shoulder_m / self.size - 0.012) * girth
        arc = (
            (self.at("mid_hip") + 0.70 * self.body.torso_m * self.up)[:, None]
            + np.sin(turn) * wide * self.left[:, None]
            + np.cos(turn) * 0.112 * girth * self.front[:, None]
        )
        thick = 0.02 * self.up[:, None]
        around = np.concatenate([arc + thick, (arc - thick)[:, ::-1]], axis=1)
        facing = self.front @ self.camera.axes()[2] < -0.5
        paths = visible_only(self.camera.project(around)[..., :2], facing)
        return Layer(paths, bgr_of(self.look.stripe, 0.95))

    def leg(self, side: str) -> list[BodyPart]:
        """Thigh, shank and shoe."""
        look = self.look
        hip, knee, ankle = (self.at(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
        heel, toe = (self.at(f"{side}_{name}") for name in ("heel", "toe"))
        cloth = look.skin if look.shorts else look.trousers
        thigh = self.limb(
            hip, knee, ((0.06, 0.080), (0.2, 0.086), (0.5, 0.078), (1.0, 0.053)), cloth
        )
        shank = self.limb(
            knee, ankle, ((0.0, 0.053), (0.3, 0.058), (0.65, 0.044), (1.0, 0.035)), cloth
        )
        if look.shorts:
            wide = ((0.06, 0.086), (0.3, 0.094), (0.62, 0.088))
            thigh += self.limb(hip, knee, wide, look.trousers)
            shank += self.limb(knee, ankle, ((0.88, 0.040), (1.0, 0.041)), look.socks)
        along = (toe - heel) / self.body.foot_m
        sole = heel + 0.27 * self.body.foot_m * along
        lift = 0.036 * self.size * (ankle - sole) / self.body.ankle_m
        shoe = self.limb(
            heel + lift + 0.03 * self.size * along,
            toe + 0.8 * lift - 0.01 * self.size * along,
            ((0.0, 0.042), (0.3, 0.048), (0.7, 0.043), (1.0, 0.030)),
            look.shoes,
        )
        return [
            BodyPart(self.depth_m(hip, knee), thigh),
            BodyPart(self.depth_m(knee, ankle), shank),
            BodyPart(self.depth_m(heel, toe) - 0.03, shoe),
        ]

    def arm(self, side: str) -> list[BodyPart]:
        """Upper arm with sleeve; forearm and hand, with a dumbbell where the exercise has one."""
        look = self.look
        shoulder, elbow, wrist, hand = (
            self.at(f"{side}_{name}") for name in ("shoulder", "elbow", "wrist", "hand")
        )
        upper = self.limb(shoulder, elbow, ((0.07, 0.048), (0.45, 0.048), (1.0, 0.038)), look.skin)
        upper += self.limb(
            shoulder, elbow, ((0.07, 0.050), (0.25, 0.058), (0.5, 0.055)), look.shirt
        )
        fore = self.limb(elbow, wrist, ((0.0, 0.038), (0.3, 0.041), (1.0, 0.027)), look.skin)
        if self.holds_weights:
            bar = self.left * self.size
            grip = wrist + 0.75 * (hand - wrist)
            for low, high, radius in (
                (-0.09, 0.09, 0.012),
                (-0.11, -0.075, 0.046),
                (0.075, 0.11, 0.046),
            ):
                ends = ((0.0, radius), (1.0, radius))
                fore += self.limb(grip + low * bar, grip + high * bar, ends, _IRON)
        fore += self.limb(wrist, hand, ((0.0, 0.028), (0.5, 0.038), (1.0, 0.033)), look.skin)
        fore += self.thumb(wrist, hand)
        return [
            BodyPart(self.depth_m(shoulder, elbow) - 0.03, upper),
            BodyPart(self.depth_m(elbow, hand) - 0.04, fore),
        ]

    def thumb(self, wrist: Array, hand: Array) -> list[Layer]:
        """A thumb on the side of the hand that the trunk faces."""
        along = (hand - wrist) / self.body.hand_m
        aside = self.front - (self.front * along).sum(axis=1, keepdims=True) * along
        root = wrist + self.size * (0.02 * along + 0.018 * aside)
        tip = root + self.size * (0.042 * along + 0.028 * aside)
        return self.limb(root, tip, ((0.0, 0.016), (1.0, 0.012)), self.look.skin)

    def head(self) -> list[BodyPart]:
        """Head with hair, ears and a face."""
        look, light = self.look, self.look.light
        centre = self.at("head")
        towards = self.camera.axes()[2]
        side_axis, up, front = (self.skull[:, axis] for axis in range(3))

        def hulls(yaw_deg: range, pitch_deg: range, scale: float, hidden: bool) -> list[Array]:
            yaw, pitch = (grid.ravel() for grid in np.meshgrid(yaw_deg, pitch_deg))
            points, facing = self.on_head(yaw, pitch, scale)
            return [p[f | hidden] for p, f in zip(points, facing, strict=True)]

        layers = [
            *rounded(hulls(range(0, 360, 20), range(-80, 90, 20), 1.0, True), look.skin, light),
            *rounded(hulls(range(0, 360, 20), range(-30, 90, 15), 1.07, True), look.hair, light),
            *rounded(hulls(range(-80, 81, 10), range(-80, 38, 10), 1.01, False), look.skin, light),
        ]
        for side in (-1.0, 1.0):
            ear = centre + 0.079 * side * self.size * side_axis - 0.012 * self.size * up
            flat = np.cos(CIRCLE)[:, None] * front[:, None]
            tall = np.sin(CIRCLE)[:, None] * up[:, None]
            ring = ear[:, None] + self.size * (0.017 * flat + 0.029 * tall)
            seen = self.camera.project(ring)[..., :2]
            turned = side * side_axis @ towards < 0.25
            shown = [p if t else p[:0] for p, t in zip(seen, turned, strict=True)]
            layers += rounded(shown, look.skin, light)
            layers += [
                self.patch(side * 24, 7, 11.0, 5.0, (236, 232, 226)),
                self.patch(side * 24, 6.5, 5.0, 5.0, (58, 44, 36)),
                self.patch(side * 25, 23, 14, 2.0, look.hair),
            ]
        red, green, blue = look.skin
        layers.append(self.patch(0, -42, 19, 4.0, (int(0.8 * red), int(0.58 * green), blue // 2)))
        layers += self.nose()
        head = BodyPart(self.depth_m(centre) - 0.06, layers)
        if not look.long_hair:
            return [head]
        crown = centre + self.size * (0.02 * up - 0.06 * front)
        tip = centre - self.size * (0.20 * up + 0.10 * front)
        tail = self.limb(crown, tip, ((0.0, 0.07), (0.4, 0.06), (1.0, 0.025)), look.hair)
        # From the front, the trunk hides the hair, however far the trunk leans.
        behind = self.depth_m(self.at("mid_hip"), self.at("neck")) + 0.01
        tail_depth = self.depth_m(crown, tip) - 0.02
        depth = np.where(front @ towards < -0.5, np.maximum(tail_depth, behind), tail_depth)
        return [head, BodyPart(depth, tail)]

    def on_head(
        self, yaw_deg: Array, pitch_deg: Array, scale: float = 1.0
    ) -> tuple[Array, npt.NDArray[np.bool_]]:
        """Points of the head's ellipsoid (N, K, 2) in pixels; which face the camera (N, K)."""
        yaw, pitch = np.radians(yaw_deg), np.radians(pitch_deg)
        flat = np.cos(pitch)
        ball = np.stack([np.sin(yaw) * flat, np.sin(pitch), np.cos(yaw) * flat], axis=-1)
        radii = self.size * np.array([0.077, 0.112, 0.095])
        facing = (ball / radii) @ self.skull @ self.camera.axes()[2] < 0
        points = self.at("head")[:, None] + scale * (ball * radii) @ self.skull
        return self.camera.project(points)[..., :2], facing

    def patch(self, yaw: float, pitch: float, wide: float, high: float, colour: Colour) -> Layer:
        """An ellipse painted on the face: where and how large, in degrees as seen from inside."""
        points, facing = self.on_head(
            yaw + wide * np.cos(CIRCLE), pitch + high * np.sin(CIRCLE), 1.01
        )
        return Layer(visible_only(points, facing.mean(axis=1) > 0.6), bgr_of(colour, 0.95))

    def nose(self) -> list[Layer]:
        """A ridge from between the eyes to the tip of the nose, invisible from behind."""
        side_axis, up, front = (self.skull[:, axis] * self.size for axis in range(3))
        tip = self.at("nose")
        bridge = tip + 0.045 * up - 0.022 * front
        wings = [tip + 0.016 * side * side_axis - 0.018 * front - 0.006 * up for side in (-1, 1)]
        seen = self.camera.project(np.stack([bridge, wings[0], tip, wings[1]], axis=1))[..., :2]
        shown = front @ self.camera.axes()[2] < 0.2 * self.size
        lit = [0, 1, 2] if self.look.light < 0 else [0, 3, 2]
        return [
            Layer(visible_only(seen, shown), bgr_of(self.look.skin, 0.74)),
            Layer(visible_only(seen[:, lit], shown), bgr_of(self.look.skin, 1.05)),
        ]
