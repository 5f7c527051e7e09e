"""The version of an input's poses: part of every content address in the pose store."""

import functools
import hashlib
import json
from importlib.metadata import version
from pathlib import Path, PurePosixPath

from repscore.models.estimator import estimator_class
from repscore.transforms.discover.sources import CONTAINER_SUFFIXES
from repscore.transforms.keypoints.names import REVISION, is_keypoints
from repscore.transforms.pose.decode import REVISION as DECODER_REVISION
from repscore.transforms.records import PoseConfig, Video


def pose_version(poses: PoseConfig, video: Video, estimated: str | None = None) -> str:
    """The version of the poses that this configuration gives for an input.

    Args:
        estimated: what `estimated_version` gave on the machine that estimated the poses; without
            it, what it gives here.
    """
    if is_keypoints(video.location):
        return keypoints_version(poses)
    version = estimated or estimated_version(poses)
    timed = PurePosixPath(video.location).suffix.lower() in CONTAINER_SUFFIXES
    return version if timed or poses.fps is None else f"{version}-{poses.fps:g}fps"


def keypoints_version(poses: PoseConfig) -> str:
    """`keypoints-<rate>-<hash>`: the version of keypoints, which no estimator touches."""
    digest = _digest([REVISION, poses.rate_of_keypoints, poses.picture_px])
    return f"keypoints-{poses.rate_of_keypoints:g}fps-{digest}"


def estimated_version(poses: PoseConfig) -> str:
    """`<estimator>-<model>-<rate>-<hash of everything>`: the version of a video's poses.

    Raises UnknownEstimator, and Unavailable for what this machine cannot compute.
    """
    identity = estimator_class(poses.estimator).identity_of(poses)
    cuts = (DECODER_REVISION, poses.sample_fps, poses.segment_s, poses.warm_up_s)
    digest = _digest([poses.estimator, dict(identity), cuts])
    rate = "native" if poses.sample_fps is None else f"{poses.sample_fps:g}fps"
    name = poses.estimator.rpartition(":")[2].lower()
    return f"{name}-{poses.model}-{rate}-{digest}"


@functools.cache
def release() -> str:
    """`<version>+<hash>` of repscore as it is installed here: all that runs on other machines."""
    content = hashlib.blake2b(digest_size=4)
    package = Path(__file__).parents[2]
    for folder in ("models", "transforms"):
        for file in sorted((package / folder).rglob("*.py")):
            content.update(file.relative_to(package).as_posix().encode() + file.read_bytes())
    return f"{version('repscore')}+{content.hexdigest()}"


def _digest(parts: object) -> str:
    text = json.dumps(parts, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
