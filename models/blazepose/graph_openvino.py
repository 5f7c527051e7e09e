"""The two networks on the CPU: OpenVINO reads the `.tflite` files as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import openvino as ov
from openvino import opset13 as opset

from repscore.models.blazepose.landmarks import decode, landmark_outputs, sigmoid
from repscore.models.blazepose.network import (
    CropLandmarks,
    FloatArray,
    HostCrops,
    concatenate_landmarks,
)
from repscore.models.estimator import Precision, Unavailable
from repscore.models.weights import sha256_of

_MODEL: Any = ov.Model  # its stub knows two classes of that name
_CONFIG: Final = {
    "PERFORMANCE_HINT": "LATENCY",
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "ENABLE_CPU_PINNING": False,  # many actors share the machine: each picks a core of its own
}

_LEAST_CENTRED: Final = 16
"""Cells on a side of the smallest layers that are centred; deeper, little is common to pictures."""


class OpenVinoNetwork(HostCrops):
    """A `Network` on one core; a batch is worked off crop by crop.

    With bf16, what it spoils and what takes little time computes in f32: the dense layers, without
    which the world landmarks would be off by a sixth of the torso, and the layers of 2x2 cells.
    What bf16 has to hold in between is centred (`_centre`).

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
        self._detector = _Compiled(core, [(_detector(core, detector), "f32")])
        self._trunk, self._heads = _trunk_and_heads(core, landmarks, self.identity["precision"])

    def infer_detector(self, images: npt.NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
        """See `Network`."""
        found = [[part.copy() for part in self._detector(image)] for image in images]
        boxes, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return boxes, scores[..., 0]

    def infer_landmarks(self, crops: npt.NDArray[np.uint8]) -> CropLandmarks:
        """See `Network`."""
        return concatenate_landmarks([self._landmarks_of(crop) for crop in crops])

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


def _compile(core: ov.Core, model: Any, precision: str) -> Any:
    return core.compile_model(model, "CPU", _CONFIG | {"INFERENCE_PRECISION_HINT": precision})


class _Compiled:
    """A model in parts for one core: pixels (H, W, 3) -> its outputs, (1, ...) each.

    The first output of a part is the input of the next. Given are the first one of the last part,
    then all others; they are the model's own memory until its next call.
    """

    def __init__(self, core: ov.Core, parts: Sequence[tuple[ov.Model, str]]) -> None:
        compiled = [_compile(core, *part) for part in parts]
        self._requests: list[Any] = [part.create_infer_request() for part in compiled]
        for one, following in pairwise(self._requests):
            following.set_input_tensor(one.get_output_tensor(0))
        # Held, since to bind and to ask for memory at every call takes 2 % of a crop's time.
        self._pixels = self._requests[0].get_input_tensor().data
        given = [[tensor.data for tensor in each.output_tensors] for each in self._requests]
        self._outputs = [given[-1][0], *(other for part in given for other in part[1:])]

    def __call__(self, image: npt.NDArray[np.uint8]) -> list[FloatArray]:
        self._pixels[0] = image
        for request in self._requests:
            request.infer(share_outputs=True)  # else it copies what is held already
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


def _trunk_and_heads(core: ov.Core, path: Path, precision: str) -> tuple[_Compiled, _Heads]:
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
    _scale_pixels(model)
    ends = [output.get_node().get_friendly_name() for output in (features, heatmap)]
    model = _part(model, None, None, ends)
    if precision == "f32":
        return _Compiled(core, [(model, "f32")]), heads
    _centre(core, model)
    last = _last_of(model, 4)
    parts = [
        (_part(model, None, last, ends[1:]), precision),
        (_part(model, last, None, ends[:1]), "f32"),
    ]
    return _Compiled(core, parts), heads


def _scale_pixels(model: Any) -> None:
    """Let the first layer take pixels 0..255 for what it took 0..1, as floats in their own order.

    As whole numbers they are exact in bf16, and no work is spent on them.
    """
    layer = next(node for node in model.get_ordered_ops() if node.get_type_name() == "Convolution")
    scaled = opset.constant(_constant(layer.input_value(1)) / np.float32(255))
    layer.input(1).replace_source_output(scaled.output(0))


def _centre(core: ov.Core, model: Any) -> None:
    """Let layers without activation give how they differ from what they give for a grey picture.

    Their channels lie far from zero, and bf16 rounds by size: of the power at 128x128 and 64x64
    cells, nine tenths are the same in every picture. The function and its cost stay what they were:
    the layer's bias takes off what is common, the biases of the next 1x1 layers bring it back, and
    any other reader has it added. The idea is the bias absorption of Nagel et al., 2019.
    """
    layers = [node for node in model.get_ordered_ops() if _is_linear(node)]
    probe = _compile(core, _MODEL(layers, model.get_parameters(), "probe"), "f32")
    given = probe([np.full(model.input(0).shape, 127.5, np.float32)]).values()
    common: dict[str, FloatArray] = {}  # of layers that give the difference
    for layer, response in zip(layers, given, strict=True):
        bias, readers = _bias(layer), layer.output(0).get_target_inputs()
        if bias is None:
            terms = [
                common.get(term.get_node().get_friendly_name()) for term in layer.input_values()
            ]
            known = [term for term in terms if term is not None]
            if not known:
                continue
            taken = np.sum(known, axis=0)
        elif any(_is_linear(reader.get_node()) or _is_pointwise(reader) for reader in readers):
            taken = response.mean(axis=(2, 3)).reshape(-1)
            _add(bias, -taken)
        else:
            continue
        common[layer.get_friendly_name()] = taken
        for reader in readers:
            node = reader.get_node()
            if _is_pointwise(reader):
                weights = _constant(node.input_value(1)).reshape(-1, len(taken))
                (following,) = node.output(0).get_target_inputs()
                _add(_bias(following.get_node()), weights @ taken)
            elif not _is_linear(node):
                whole = opset.add(layer, opset.constant(taken.reshape(1, -1, 1, 1)))
                reader.replace_source_output(whole.output(0))


def _is_linear(node: Any) -> bool:
    """Whether it is a layer without activation, or a sum of some, of 16x16 cells or more."""
    readers = [reader.get_node().get_type_name() for reader in node.output(0).get_target_inputs()]
    shape = list(node.output(0).shape)
    is_large = len(shape) == 4 and shape[2] >= _LEAST_CENTRED
    return node.get_type_name() == "Add" and is_large and "Clamp" not in readers


def _is_pointwise(reader: Any) -> bool:
    """Whether a layer of 1x1 pixel reads there."""
    node = reader.get_node()
    return node.get_type_name() == "Convolution" and list(node.input_value(1).shape)[2:] == [1, 1]


def _bias(layer: Any) -> Any:
    """The input of an `Add` with the bias, None where it adds two layers."""
    return next(
        (each for each in layer.inputs() if list(each.get_source_output().shape)[2:] == [1, 1]),
        None,
    )


def _add(bias: Any, more: FloatArray) -> None:
    total = _constant(bias.get_source_output()).reshape(-1) + more
    bias.replace_source_output(opset.constant(total.reshape(1, -1, 1, 1)).output(0))


def _last_of(model: Any, side: int) -> str:
    """The name of the last activation of side x side cells."""
    *_, last = (
        node
        for node in model.get_ordered_ops()
        if node.get_type_name() == "Clamp" and list(node.output(0).shape)[2:] == [side, side]
    )
    return str(last.get_friendly_name())


def _part(model: Any, start: str | None, cut: str | None, ends: Sequence[str]) -> Any:
    """What leads from a layer, or from the model's input, to another, where the next part starts.

    Between parts lie (1, H, W, C), as the processor works on them.

    Args:
        ends: layers whose outputs are given too.
    """
    own = model.clone()
    layers = {node.get_friendly_name(): node for node in own.get_ordered_ops()}
    outputs = [layers[name].output(0) for name in ends]
    inputs = own.get_parameters()
    if cut is not None:
        outputs.insert(0, opset.transpose(layers[cut], [0, 2, 3, 1]).output(0))
    if start is not None:
        _, channels, height, width = layers[start].output(0).shape
        inputs = [opset.parameter([1, height, width, channels], ov.Type.f32)]
        began = opset.transpose(inputs[0], [0, 3, 1, 2])
        layers[start].output(0).replace(began.output(0))
    return _MODEL(outputs, inputs, "part")


def _constant(output: Any) -> FloatArray:
    return np.array(_first_before(output, "Constant").data, np.float32)


def _before_result(output: Any) -> Any:
    return output.get_node().input_value(0)


def _first_before(output: Any, kind: str) -> Any:
    node = output.get_node()
    while node.get_type_name() != kind:
        node = node.input_value(0).get_node()
    return node


def _detector(core: ov.Core, path: Path) -> Any:
    """The detector, fed with uint8 pixels (1, 224, 224, 3)."""
    model = core.read_model(path)
    outputs = [_before_result(output) for output in model.outputs]
    steps: Any = ov.preprocess.PrePostProcessor(
        _MODEL(outputs, model.get_parameters(), model.get_friendly_name())
    )
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().model().set_layout(ov.Layout("NHWC"))
    steps.input().preprocess().convert_element_type(ov.Type.f32).mean(127.5).scale(127.5)
    return steps.build()
