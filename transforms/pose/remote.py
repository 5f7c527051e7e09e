"""Networks in Ray actors of their own, which the actors that track people call."""

import functools
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import ray

from repscore.models.blazepose.network import CropLandmarks, FloatArray
from repscore.models.estimator import estimator_class
from repscore.transforms.pose.inference import BatchingNetwork
from repscore.transforms.pose.worker import obtain_weights
from repscore.transforms.records import PoseConfig

_RESTARTS: Final = 3


class RemoteNetwork:
    """A `Network` in an actor; a call returns with its result.

    That is the back-pressure: an actor that tracks people has one request at a time. It waits as
    long as the pool lets its caller: to start, and for a segment.
    """

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    @functools.cached_property
    def identity(self) -> Mapping[str, str]:
        """What the actor computes with; waits until it has started."""
        identity: Mapping[str, str] = ray.get(self._actor.identity.remote())
        return identity

    def infer_detector(self, images: npt.NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
        """See `Network`."""
        boxes, scores = ray.get(self._actor.infer_detector.remote(images))
        return boxes, scores

    def infer_landmarks(self, crops: npt.NDArray[np.uint8]) -> CropLandmarks:
        """See `Network`."""
        landmarks: CropLandmarks = ray.get(self._actor.infer_landmarks.remote(crops))
        return landmarks


class _Inference:
    """The actor: loads the networks of an estimator and runs them for many callers in batches."""

    def __init__(self, poses: PoseConfig) -> None:
        obtain_weights(poses)
        self._network = BatchingNetwork(estimator_class(poses.estimator).load_network(poses))

    def identity(self) -> Mapping[str, str]:
        return dict(self._network.identity)

    def infer_detector(self, images: npt.NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
        return self._network.infer_detector(images)

    def infer_landmarks(self, crops: npt.NDArray[np.uint8]) -> CropLandmarks:
        return self._network.infer_landmarks(crops)


def start_inference(poses: PoseConfig, callers: int, gpus: float) -> Any:
    """A new actor, for at most `callers` callers at once.

    An actor that dies is restarted a few times and called again; after that its callers fail.
    """
    remote: Any = ray.remote(_Inference).options(
        num_cpus=0 if gpus else 1,  # beside a GPU it hardly computes
        num_gpus=gpus,
        max_concurrency=callers + 1,
        max_restarts=_RESTARTS,
        max_task_retries=_RESTARTS,
    )
    return remote.remote(poses)
