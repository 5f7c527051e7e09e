"""The fast pose estimator: BlazePose's weights, our own tracker."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from repscore.models import weights
from repscore.models.blazepose.graph_openvino import OpenVinoNetwork, Precision, identity_of
from repscore.models.blazepose.network import Network
from repscore.models.blazepose.tracker import Stream, TrackerConfig, step
from repscore.models.estimator import People

_ONE_PERSON = TrackerConfig()


class BlazePoseEstimator:
    """A `PoseEstimator` over one stream after another.

    Without a `network`, `start` loads the models for one core of this machine's CPU; it raises
    weights.WeightsMissing where they have not been obtained.
    """

    topology = "blazepose33"
    require = staticmethod(weights.require)

    def __init__(
        self,
        model: weights.Model = "full",
        config: TrackerConfig = _ONE_PERSON,
        *,
        precision: Precision = "auto",
        network: Network | None = None,
    ) -> None:
        self.model: weights.Model = model
        if network is None:
            self.identity = self.identity_of(model, config, precision)
        else:
            self.identity = _identity(model, config, network.identity)
        self._config = config
        self._precision: Precision = precision
        self._network = network
        self._stream = Stream()

    @staticmethod
    def identity_of(
        model: weights.Model,
        config: TrackerConfig = _ONE_PERSON,
        precision: Precision = "auto",
    ) -> Mapping[str, str]:
        """Everything that decides the results on this machine; told without loading a model."""
        detector, landmarks = weights.DETECTOR.sha256, weights.LANDMARKS[model].sha256
        return _identity(model, config, identity_of(detector, landmarks, precision))

    def start(self) -> None:
        """See `PoseEstimator`."""
        if self._network is None:
            detector, landmarks = weights.detector(), weights.landmarks(self.model)
            self._network = OpenVinoNetwork(detector, landmarks, self._precision)
        self._stream = Stream()

    def track(self, frame_rgb: npt.NDArray[np.uint8], time_s: float) -> People:
        """See `PoseEstimator`."""
        if self._network is None:
            raise RuntimeError("track() before start(): call start() first")
        (self._stream,), (people,) = step(
            [self._stream], [frame_rgb], [time_s], self._network, self._config
        )
        return people

    def close(self) -> None:
        """Release the models, given ones included; `start` loads its own."""
        self._network = None
        self._stream = Stream()


def _identity(model: str, config: TrackerConfig, network: Mapping[str, str]) -> Mapping[str, str]:
    return {
        "estimator": "blazepose",
        "tracker": "1",
        "model": model,
        **network,
        "people": str(config.people),
        "smoothing": "mediapipe" if config.smoothing else "none",
    }
