"""The fast pose estimator: BlazePose's weights, our own tracker."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from repscore.models import weights
from repscore.models.blazepose import networks
from repscore.models.blazepose.network import Network
from repscore.models.blazepose.tracker import Stream, TrackerConfig, step
from repscore.models.estimator import EstimatorConfig, People
from repscore.models.people import load_matching

_DEFAULT: Final = EstimatorConfig()
_TRACKER: Final = "5"
"""Rises with every change of the tracker or the computing of networks that gives other poses."""


def require(config: EstimatorConfig) -> None:
    """Raise where the weights or the precision are not to be had here."""
    weights.require(config.model)
    networks.identity_of(config)


class BlazePoseEstimator:
    """A `BatchEstimator`; `start` and `track` follow one stream after another.

    Without a `network`, `start` loads the models for one core of this machine's CPU or for CUDA,
    as the configuration says. `smoothing` adds MediaPipe's one-euro filters to what is returned,
    for comparisons; the pipeline cleans without lag later.
    """

    topology = "blazepose33"
    require = staticmethod(require)

    def __init__(
        self,
        config: EstimatorConfig = _DEFAULT,
        *,
        network: Network | None = None,
        smoothing: bool = False,
    ) -> None:
        self._config = config
        self._tracker = TrackerConfig(people=config.people, smoothing=smoothing)
        self._network = network
        self._stream = Stream()
        found = networks.identity_of(config) if network is None else network.identity
        self.identity: Mapping[str, str] = _identity(config, found) | {"smoothing": str(smoothing)}

    @staticmethod
    def identity_of(config: EstimatorConfig) -> Mapping[str, str]:
        """Everything that decides the results on this machine; told without loading a model."""
        return _identity(config, networks.identity_of(config)) | {"smoothing": "False"}

    def start(self) -> None:
        """See `PoseEstimator`."""
        if self._network is None:
            self._network = networks.load_network(self._config)
        load_matching()
        self._stream = Stream()

    def track(self, frame_bgr: npt.NDArray[np.uint8], time_s: float) -> People:
        """See `PoseEstimator`."""
        (self._stream,), (people,) = self.step([self._stream], [frame_bgr], [time_s])
        return people

    def begin(self) -> Stream:
        """See `BatchEstimator`."""
        return Stream()

    def step(
        self,
        streams: Sequence[Stream],
        frames_bgr: Sequence[npt.NDArray[np.uint8]],
        times_s: Sequence[float],
    ) -> tuple[list[Stream], list[People]]:
        """See `BatchEstimator`."""
        if self._network is None:
            raise RuntimeError("no frames before start(): call start() first")
        return step(streams, frames_bgr, times_s, self._network, self._tracker)

    def device_s(self) -> tuple[float, float]:
        """See `BatchEstimator`."""
        return (0.0, 0.0) if self._network is None else self._network.device_s()

    def close(self) -> None:
        """Release the models, given ones included; `start` loads its own."""
        self._network = None
        self._stream = Stream()


def _identity(config: EstimatorConfig, network: Mapping[str, str]) -> dict[str, str]:
    return {
        "estimator": "blazepose",
        "tracker": _TRACKER,
        "model": config.model,
        "people": str(config.people),
        **network,
    }
