"""The two networks on the CPU: OpenVINO reads the `.tflite` files as they are."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import openvino as ov

from repscore.models.blazepose.landmarks import decode, landmark_outputs
from repscore.models.blazepose.network import CropLandmarks, FloatArray, together
from repscore.models.estimator import Precision, Unavailable
from repscore.models.weights import sha256_of

_CONFIG: Final = {
    "PERFORMANCE_HINT": "LATENCY",
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "ENABLE_CPU_PINNING": False,  # many actors share the machine: each picks a core of its own
}


class OpenVinoNetwork:
    """A `Network` on one core; a batch is worked off crop by crop.

    Args:
        detector: `pose_detection.tflite`.
        landmarks: `pose_landmark_{lite,full,heavy}.tflite`.
        precision: `auto` takes bf16 where the processor computes in it, else f32; what was taken
            stands in `identity["precision"]`.

    Raises Unavailable where bf16 is asked for and the processor has none.
    """

    def __init__(self, detector: Path, landmarks: Path, precision: Precision = "auto") -> None:
        digests = sha256_of(detector), sha256_of(landmarks)
        self.identity: Mapping[str, str] = identity_of(*digests, precision)
        core = ov.Core()
        # The detector stays f32: it runs seldom, and its threshold decides who is seen at all.
        self._detector = _request(core, _prepared(core, detector, mean=127.5, scale=127.5), "f32")
        self._landmarks = _request(
            core, _prepared(core, landmarks, mean=0.0, scale=255.0), self.identity["precision"]
        )

    def infer_detector(self, images: npt.NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
        """See `Network`."""
        found = [_run(self._detector, image) for image in images]
        boxes, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return boxes, scores[..., 0]

    def infer_landmarks(self, crops: npt.NDArray[np.uint8]) -> CropLandmarks:
        """See `Network`."""
        parts = [decode(*_run(self._landmarks, crop, copy=False)) for crop in crops]
        return together(parts)


def settle_precision(asked: Precision, capabilities: Sequence[str]) -> Literal["f32", "bf16"]:
    """What is computed in, given what the processor offers (OpenVINO's names)."""
    offered = "BF16" in capabilities
    if asked == "bf16" and not offered:
        raise Unavailable(
            "bf16 was asked for, but this processor has no bfloat16 arithmetic (OpenVINO offers "
            f"{', '.join(capabilities)}); use --precision f32 or auto"
        )
    return "bf16" if asked != "f32" and offered else "f32"


def identity_of(
    detector_sha256: str, landmarks_sha256: str, precision: Precision
) -> dict[str, str]:
    """What `OpenVinoNetwork.identity` will be on this machine, told without loading a model."""
    capabilities = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return {
        "runtime": f"openvino {ov.__version__.split('-')[0]}",
        "precision": settle_precision(precision, capabilities),
        "detector_sha256": detector_sha256,
        "landmarks_sha256": landmarks_sha256,
    }


def _request(core: ov.Core, model: ov.Model, precision: str) -> Any:
    config = _CONFIG | {"INFERENCE_PRECISION_HINT": precision}
    return core.compile_model(model, "CPU", config).create_infer_request()


def _prepared(core: ov.Core, path: Path, *, mean: float, scale: float) -> Any:
    """The model, fed with uint8 pixels, without the segmentation and what only feeds it."""
    model = core.read_model(path)
    outputs = model.outputs
    if len(outputs) > 2:
        order = landmark_outputs([tuple(output.shape) for output in outputs])
        outputs = [outputs[position] for position in order]
    kept = [output.get_node().input_value(0) for output in outputs]
    model_of: Any = ov.Model  # its stub knows two classes of that name
    pruned = model_of(kept, model.get_parameters(), path.stem)
    steps: Any = ov.preprocess.PrePostProcessor(pruned)
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().model().set_layout(ov.Layout("NHWC"))
    steps.input().preprocess().convert_element_type(ov.Type.f32).mean(mean).scale(scale)
    return steps.build()


def _run(request: Any, image: npt.NDArray[np.uint8], *, copy: bool = True) -> list[FloatArray]:
    """Outputs for one image; without `copy` they are the request's memory until its next run."""
    owned = np.require(image[None], requirements=["C", "W"])  # from another process: read-only
    request.set_input_tensor(ov.Tensor(owned, shared_memory=True))
    request.infer()
    arrays = [tensor.data for tensor in request.output_tensors]
    return [np.array(array) for array in arrays] if copy else arrays
