"""The two networks on the CPU: OpenVINO reads the `.tflite` files as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import openvino as ov

from repscore.models.blazepose.landmarks import decode, landmark_outputs, sigmoid
from repscore.models.blazepose.network import CropLandmarks, FloatArray, together
from repscore.models.estimator import Precision, Unavailable
from repscore.models.weights import sha256_of

_MODEL: Any = ov.Model  # its stub knows two classes of that name
_CONFIG: Final = {
    "PERFORMANCE_HINT": "LATENCY",
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "ENABLE_CPU_PINNING": False,  # many actors share the machine: each picks a core of its own
}


class OpenVinoNetwork:
    """A `Network` on one core; a batch is worked off crop by crop.

    The last, dense layers always compute in f32: they are cheap, and in bf16 the world landmarks
    would be off by a sixth of the torso (measured; the rest costs them 2 % of it).

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
        model = core.read_model(detector)
        kept = [_before_result(output) for output in model.outputs]
        self._detector = _Compiled(core, _fed_with_pixels(model, kept, 127.5, 127.5), "f32")
        trunk, self._heads = _trunk_and_heads(core, landmarks)
        self._trunk = _Compiled(core, trunk, self.identity["precision"])

    def infer_detector(self, images: npt.NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
        """See `Network`."""
        found = [[part.copy() for part in self._detector(image)] for image in images]
        boxes, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return boxes, scores[..., 0]

    def infer_landmarks(self, crops: npt.NDArray[np.uint8]) -> CropLandmarks:
        """See `Network`."""
        return together([self._landmarks_of(crop) for crop in crops])

    def _landmarks_of(self, crop: npt.NDArray[np.uint8]) -> CropLandmarks:
        features, heatmap = self._trunk(crop)
        image, presence, world = self._heads(features)
        return decode(image, sigmoid(presence), heatmap, world)


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
    return {
        "runtime": f"openvino {ov.__version__.split('-')[0]}",
        "precision": settle_precision(precision, _capabilities()),
        "detector_sha256": detector_sha256,
        "landmarks_sha256": landmarks_sha256,
    }


@cache
def _capabilities() -> tuple[str, ...]:
    return tuple(ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


class _Compiled:
    """A model for one core; its outputs (1, ...) are its own memory until its next call."""

    def __init__(self, core: ov.Core, model: ov.Model, precision: str) -> None:
        config = _CONFIG | {"INFERENCE_PRECISION_HINT": precision}
        self._request: Any = core.compile_model(model, "CPU", config).create_infer_request()
        # Held, since to bind and to ask for memory at every call takes 2 % of a crop's time.
        self._pixels = self._request.input_tensors[0].data
        self._outputs: list[FloatArray] = [one.data for one in self._request.output_tensors]

    def __call__(self, image: npt.NDArray[np.uint8]) -> list[FloatArray]:
        self._pixels[0] = image
        self._request.infer()
        return self._outputs


@dataclass(frozen=True, eq=False)
class _Heads:
    """The dense layers as one product: features -> image (1, 195), presence (1, 1), world (1, 117).

    Presence comes before its sigmoid.
    """

    weights: FloatArray
    biases: FloatArray
    ends: tuple[int, ...]

    def __call__(self, features: FloatArray) -> list[FloatArray]:
        return np.split(features.reshape(1, -1) @ self.weights + self.biases, self.ends, axis=1)


def _trunk_and_heads(core: ov.Core, path: Path) -> tuple[Any, _Heads]:
    """The landmark model in two: crop -> (features, heatmap), features -> the other outputs.

    The segmentation and what only feeds it is gone.
    """
    model = core.read_model(path)
    order = landmark_outputs([tuple(output.shape) for output in model.outputs])
    image, presence, heatmap, world = (_before_result(model.outputs[place]) for place in order)
    layers = [_first_before(output, "Convolution") for output in (image, presence, world)]
    features = layers[0].input_value(0)
    if any(layer.input_value(0) != features for layer in layers):
        raise ValueError(f"{path}: expected its dense layers to share their input")
    sums = [next(iter(layer.output(0).get_target_inputs())).get_node() for layer in layers]
    weights = [
        _constant(layer.input_value(1)).reshape(layer.output(0).shape[1], -1) for layer in layers
    ]
    heads = _Heads(
        weights=np.ascontiguousarray(np.concatenate(weights).T),
        biases=np.concatenate([_constant(one.input_value(1)).reshape(-1) for one in sums]),
        ends=tuple(np.cumsum([len(part) for part in weights])[:-1].tolist()),
    )
    return _fed_with_pixels(model, [features, heatmap], 0.0, 255.0), heads


def _constant(output: Any) -> FloatArray:
    return np.array(_first_before(output, "Constant").data, np.float32)


def _before_result(output: Any) -> Any:
    return output.get_node().input_value(0)


def _first_before(output: Any, kind: str) -> Any:
    node = output.get_node()
    while node.get_type_name() != kind:
        node = node.input_value(0).get_node()
    return node


def _fed_with_pixels(model: ov.Model, outputs: list[Any], mean: float, scale: float) -> Any:
    """The part of a model that gives these outputs, fed with uint8 pixels (1, H, W, 3)."""
    pruned = _MODEL(outputs, model.get_parameters(), model.get_friendly_name())
    steps: Any = ov.preprocess.PrePostProcessor(pruned)
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().model().set_layout(ov.Layout("NHWC"))
    steps.input().preprocess().convert_element_type(ov.Type.f32).mean(mean).scale(scale)
    return steps.build()
