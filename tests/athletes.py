"""The synthetic athlete's repetitions as a scorer sees them, from true joints before a camera."""

from dataclasses import replace

import numpy as np

from repscore.models.scorer.represent import Execution
from repscore.models.skeleton import JOINT, MIRROR
from repscore.pipelines.demo.athlete import Motion
from repscore.pipelines.demo.scene import Camera
from repscore.pipelines.evaluate.labelled import executions_of
from repscore.transforms.records import PoseFrames

OBLIQUE = Camera(azimuth_deg=30.0, distance_m=4.0)


def poses(motion: Motion, camera: Camera = OBLIQUE, fps: float = 30.0) -> PoseFrames:
    """What an estimator without any error would find."""
    time_s = np.arange(0.0, motion.duration_s, 1.0 / fps)
    joints = motion.pose(time_s).joints
    image = camera.project(joints)
    image[..., 2] = np.nan
    world = (joints - joints[:, JOINT["mid_hip"]][:, None]) @ camera.axes().T
    return PoseFrames(
        topology="canonical15",
        time_s=time_s,
        image_px=image.astype(np.float32),
        world_m=world.astype(np.float32),
        visibility=np.ones(joints.shape[:2], np.float32),
    )


def executions(motion: Motion, camera: Camera = OBLIQUE, fps: float = 30.0) -> list[Execution]:
    """The repetitions in their true boundaries."""
    spans = [(window.start_s, window.end_s) for window in motion.windows]
    return executions_of(poses(motion, camera, fps), spans)


def mirrored(found: PoseFrames, width_px: float) -> PoseFrames:
    """The same person in a mirror."""
    image = found.image_px[:, MIRROR].copy()
    image[..., 0] = width_px - image[..., 0]
    world = found.world_m[:, MIRROR] * np.array([-1, 1, 1], np.float32)
    return replace(found, image_px=image, world_m=world, visibility=found.visibility[:, MIRROR])


def moved(found: PoseFrames, *, scale: float, shift_px: tuple[float, float]) -> PoseFrames:
    """The same person elsewhere in a picture of another size."""
    image = found.image_px.copy()
    image[..., :2] = scale * image[..., :2] + np.array(shift_px, np.float32)
    return replace(found, image_px=image)
