"""Poses of the demo's synthetic athlete without pictures: canonical joints, projected."""

from dataclasses import replace

import numpy as np

from repscore.models.scorer.represent import Execution
from repscore.models.skeleton import MIRROR
from repscore.pipelines.demo.athlete import Motion
from repscore.pipelines.demo.scene import Camera
from repscore.pipelines.labelled import executions_of
from repscore.transforms.records import PoseFrames

OBLIQUE = Camera(azimuth_deg=30.0, distance_m=4.0)


def poses(
    motion: Motion, camera: Camera = OBLIQUE, rate_hz: float = 30.0, jitter_px: float = 1.0
) -> PoseFrames:
    """What an estimator whose only error is jitter would find."""
    time_s = np.arange(0.0, motion.duration_s, 1.0 / rate_hz)
    joints = motion.pose(time_s).joints
    image = camera.project(joints)
    world = (joints - joints[:, 8:9]) @ camera.axes().T
    noise = np.random.default_rng(motion.seed).normal(0, jitter_px, (*image.shape[:2], 2))
    image[..., :2] += noise
    image[..., 2] = 0
    return PoseFrames(
        topology="canonical15",
        time_s=time_s,
        image_px=image.astype(np.float32),
        world_m=world.astype(np.float32),
        visibility=np.ones(image.shape[:2], np.float32),
    )


def executions(motion: Motion, camera: Camera = OBLIQUE, rate_hz: float = 30.0) -> list[Execution]:
    """The repetitions in their true boundaries, as an estimator without error would find them."""
    spans = [(window.start_s, window.end_s) for window in motion.windows]
    return cut(poses(motion, camera, rate_hz, jitter_px=0.0), spans)


def cut(found: PoseFrames, spans: list[tuple[float, float]]) -> list[Execution]:
    """The repetitions in known boundaries, in each of which the athlete is seen."""
    executions = [each for each in executions_of(found, spans) if each is not None]
    assert len(executions) == len(spans)
    return executions


def moved(frames: PoseFrames, *, scale: float, shift_px: tuple[float, float]) -> PoseFrames:
    """The same person elsewhere in a picture of another size."""
    image = frames.image_px.copy()
    image[..., :2] = scale * image[..., :2] + np.array(shift_px, np.float32)
    return replace(frames, image_px=image)


def stretched(frames: PoseFrames, factor: float) -> PoseFrames:
    """The same frames, played more slowly."""
    return replace(frames, time_s=frames.time_s * factor)


def mirrored(frames: PoseFrames, width_px: float) -> PoseFrames:
    """What a mirror beside the camera shows."""
    image, world = frames.image_px[:, MIRROR].copy(), frames.world_m[:, MIRROR].copy()
    image[..., 0] = width_px - image[..., 0]
    world[..., 0] *= -1
    return replace(frames, image_px=image, world_m=world, visibility=frames.visibility[:, MIRROR])


def resampled(frames: PoseFrames, rate_hz: float) -> PoseFrames:
    """The frames nearest to the instants of another rate."""
    time_s = np.arange(frames.time_s[0], frames.time_s[-1], 1.0 / rate_hz)
    rows = np.unique(np.abs(frames.time_s[:, None] - time_s).argmin(axis=0))
    return part(frames, rows)


def part(frames: PoseFrames, rows: np.ndarray | slice) -> PoseFrames:
    return PoseFrames(
        frames.topology,
        frames.time_s[rows],
        frames.image_px[rows],
        frames.world_m[rows],
        frames.visibility[rows],
    )


def joined(*parts: PoseFrames) -> PoseFrames:
    """One after the other in time."""
    shift_s, moved = 0.0, []
    for frames in parts:
        step_s = float(np.median(np.diff(frames.time_s)))
        moved.append(replace(frames, time_s=frames.time_s - frames.time_s[0] + shift_s))
        shift_s = float(moved[-1].time_s[-1]) + step_s
    return PoseFrames(
        parts[0].topology,
        np.concatenate([frames.time_s for frames in moved]),
        np.concatenate([frames.image_px for frames in moved]),
        np.concatenate([frames.world_m for frames in moved]),
        np.concatenate([frames.visibility for frames in moved]),
    )
