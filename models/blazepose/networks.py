"""Which network serves which device."""

from collections.abc import Mapping

from repscore.models import weights
from repscore.models.blazepose.network import Network, torch_identity
from repscore.models.estimator import EstimatorConfig


def load_network(config: EstimatorConfig) -> Network:
    """Both models on the device that is asked for: torch on CUDA, OpenVINO on the CPU.

    Raises weights.WeightsMissing, weights.WeightsCorrupt, and Unavailable where there is no such
    device or precision.
    """
    files = weights.detector(), weights.landmarks(config.model)
    if config.device == "cuda":
        from repscore.models.blazepose.network_torch import TorchNetwork  # torch takes 2 s

        return TorchNetwork(*files, config.device, config.precision, compiled=config.compiled)
    from repscore.models.blazepose.graph_openvino import OpenVinoNetwork

    return OpenVinoNetwork(*files, config.precision)


def identity_of(config: EstimatorConfig) -> Mapping[str, str]:
    """The identity of the network that `load_network` gives, told without loading it.

    Raises Unavailable for a precision that this processor does not have.
    """
    digests = weights.DETECTOR.sha256, weights.LANDMARKS[config.model].sha256
    if config.device == "cuda":
        return torch_identity(*digests, config.device, config.precision, compiled=config.compiled)
    from repscore.models.blazepose.graph_openvino import identity_of

    return identity_of(*digests, config.precision)
