"""BlazePose through MediaPipe's Tasks API: the reference estimator, on the CPU."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from repscore.models import weights
from repscore.models.estimator import EstimatorConfig, People, Unavailable
from repscore.models.people import REVISION, Following, follow
from repscore.models.skeleton import to_canonical

LANDMARKS: Final = 33

_DEFAULT: Final = EstimatorConfig()
_CONFIDENCE: Final = 0.5
"""MediaPipe's default for detection, presence and tracking."""


def identity(config: EstimatorConfig = _DEFAULT) -> Mapping[str, str]:
    """Everything that decides the results; known without loading MediaPipe or its weights."""
    model = config.model
    return {
        "estimator": "mediapipe",
        "mediapipe": version("mediapipe"),
        "model": model,
        "detector_sha256": weights.DETECTOR.sha256,
        "landmarks_sha256": weights.LANDMARKS[model].sha256,
        "confidence": f"{_CONFIDENCE:g}",
        "people": str(config.people),
    } | ({"identities": str(REVISION)} if config.people > 1 else {})


def require(config: EstimatorConfig) -> None:
    """Raise where the weights are missing, or for what MediaPipe's CPU graph cannot do."""
    if config.device != "cpu" or config.precision == "bf16":
        raise Unavailable(
            "the estimator mediapipe runs on the CPU in f32 alone, found "
            f"--device {config.device} --precision {config.precision}; use --estimator blazepose"
        )
    weights.require(config.model)


class MediaPipeEstimator:
    """Follows up to `config.people` persons with MediaPipe's PoseLandmarker in VIDEO mode.

    Without `tracking`, for comparisons, each frame is taken by itself (IMAGE mode).
    `start` raises weights.WeightsMissing where the model has not been obtained.
    """

    topology = "blazepose33"
    identity_of = staticmethod(identity)
    require = staticmethod(require)

    def __init__(self, config: EstimatorConfig = _DEFAULT, *, tracking: bool = True) -> None:
        self.model: weights.Model = config.model
        self.people = config.people
        self.identity = identity(config)
        self._tracking = tracking
        self._landmarker: Any = None
        self._time_ms = -1
        self._loud = True
        self._following = Following()

    def start(self) -> None:
        """Forget all people: what comes next is another stream.

        The landmarker is built anew (about 0.2 s): it offers no reset, and blank frames do not
        bring it back to the results of a fresh one (tried).
        """
        if self._landmarker is not None and self._time_ms < 0:
            return  # nothing was tracked since it was built
        self.close()
        from mediapipe.tasks.python.core.base_options import BaseOptions
        from mediapipe.tasks.python.vision.core.vision_task_running_mode import (
            VisionTaskRunningMode,
        )
        from mediapipe.tasks.python.vision.pose_landmarker import (
            PoseLandmarker,
            PoseLandmarkerOptions,
        )

        options = PoseLandmarkerOptions(
            base_options=BaseOptions(
                model_asset_path=str(weights.task_bundle(self.model)),
                delegate=BaseOptions.Delegate.CPU,
            ),
            running_mode=VisionTaskRunningMode.VIDEO
            if self._tracking
            else VisionTaskRunningMode.IMAGE,
            num_poses=self.people,
            min_pose_detection_confidence=_CONFIDENCE,
            min_pose_presence_confidence=_CONFIDENCE,
            min_tracking_confidence=_CONFIDENCE,
        )
        with _silent_stderr():
            self._landmarker = PoseLandmarker.create_from_options(options)
        self._time_ms = -1
        self._loud = True
        self._following = Following()

    def track(self, frame_bgr: npt.NDArray[np.uint8], time_s: float) -> People:
        """See `PoseEstimator`."""
        if self._landmarker is None:
            raise RuntimeError("track() before start(), or after close(): call start() first")
        from mediapipe.tasks.python.vision.core.image import Image, ImageFormat

        # Milliseconds are all it takes, and they must increase.
        self._time_ms = max(self._time_ms + 1, round(time_s * 1000))
        image = Image(ImageFormat.SRGB, cv2.cvtColor(frame_bgr, cv2.COLOR_BGR2RGB))
        with _silent_stderr() if self._loud else contextlib.nullcontext():
            if self._tracking:
                found = self._landmarker.detect_for_video(image, self._time_ms)
            else:
                found = self._landmarker.detect(image)
        self._loud = self._loud and not found.pose_landmarks
        height_px, width_px = frame_bgr.shape[:2]
        points = _array(found.pose_landmarks)
        image_px = points[..., :3] * np.array([width_px, height_px, width_px], np.float32)
        return People(
            person=self._identify(time_s, image_px[..., :2]),
            image_px=image_px,
            world_m=_array(found.pose_world_landmarks)[..., :3],
            visibility=points[..., 3],
        )

    def close(self) -> None:
        """Release the landmarker; `start` brings another."""
        if self._landmarker is not None:
            self._landmarker.close()
            self._landmarker = None

    def _identify(
        self, time_s: float, landmarks_px: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.int32]:
        """The identity of each person, whom MediaPipe lists in no fixed order.

        A stream of which one person is wanted has person 0 throughout.
        """
        if self.people == 1:
            return np.zeros(len(landmarks_px), np.int32)
        joints_px = to_canonical(landmarks_px, self.topology)
        self._following, person = follow(self._following, time_s, joints_px)
        return person


def _array(people: Any) -> npt.NDArray[np.float32]:
    """MediaPipe's landmarks as (P, L, 4): x, y, z, visibility."""
    rows = [[(p.x, p.y, p.z, p.visibility) for p in landmarks] for landmarks in people]
    return np.array(rows, np.float32).reshape(-1, LANDMARKS, 4)


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Drop what native code prints: MediaPipe has no switch for its start-up messages (tried).

    Errors are not lost, they come as exceptions. What other threads print meanwhile is lost, so
    this encloses the start and the frames until somebody is found, no more.
    """
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
