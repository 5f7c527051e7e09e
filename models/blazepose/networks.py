"""Which network serves which device."""

from collections.abc import Mapping
from importlib.metadata import version

from repscore.models import weights
from repscore.models.blazepose.network import Network
from repscore.models.estimator import EstimatorConfig, Precision, Unavailable


def load_network(config: EstimatorConfig) -> Network:
    """Both models on the device that is asked for: torch on CUDA, OpenVINO on the CPU.

    Raises weights.WeightsMissing, weights.WeightsCorrupt, and Unavailable where there is no such
    device or precision.
    """
    files = weights.detector(), weights.landmarks(config.model)
    if config.device == "cuda":
        from repscore.models.blazepose.network_torch import TorchNetwork  # torch takes 2 s

        return TorchNetwork(*files, config.device, config.precision)
    from repscore.models.blazepose.graph_openvino import OpenVinoNetwork

    return OpenVinoNetwork(*files, config.precision)


def identity_of(config: EstimatorConfig) -> Mapping[str, str]:
    """The identity of the network that `load_network` gives, told without loading it.

    Raises Unavailable for a precision that this processor does not have.
    """
    digests = weights.DETECTOR.sha256, weights.LANDMARKS[config.model].sha256
    if config.device == "cuda":
        return torch_identity(*digests, config.device, config.precision)
    from repscore.models.blazepose.graph_openvino import identity_of

    return identity_of(*digests, config.precision)


def torch_identity(
    detector_sha256: str, landmarks_sha256: str, device: str, precision: Precision
) -> Mapping[str, str]:
    """What `TorchNetwork.identity` is on a type of device, told without importing torch.

    Raises Unavailable for bf16, which is the half precision of the CPU.
    """
    if precision == "bf16":
        raise Unavailable("bf16 is for --device cpu; in torch use --precision auto or f32")
    return {
        "runtime": f"torch {version('torch')} {device}",
        "precision": "f16" if device == "cuda" and precision == "auto" else "f32",
        "detector_sha256": detector_sha256,
        "landmarks_sha256": landmarks_sha256,
    }
