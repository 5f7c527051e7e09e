"""A `.tflite` graph as a torch module that takes any batch, on the CPU and on CUDA."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from repscore.models.blazepose.tflite import Array, Graph, Operator

_SAME: Final = 0
_ACTIVATIONS: Final[dict[int, Callable[[Tensor], Tensor]]] = {
    0: lambda x: x,
    1: F.relu,
    3: F.relu6,
}


class TorchGraph(nn.Module):
    """Runs a graph: images (B, H, W, 3) float in, its outputs as tuple of float32 tensors out.

    Inside, tensors are NCHW; a channels-last input stays channels-last throughout. Outputs have
    the file's own layout (NHWC) and the batch of the input. Weights are buffers, so `.half()` and
    `.to(device)` apply; `.half()` leaves the dense heads (1x1 pixel, coordinates up to 256) in
    float32, where half precision would cost up to an eighth of a pixel.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self._graph = graph
        self._heads = {o.output for o in graph.operators if _is_head(o, graph)}
        # Release a tensor after its last use: a batch of 64 holds few activations at a time.
        last_use = {number: i for i, o in enumerate(graph.operators) for number in o.inputs}
        self._released: list[tuple[int, ...]] = [() for _ in graph.operators]
        for number, i in last_use.items():
            if number not in graph.constants and number not in graph.outputs:
                self._released[i] += (number,)
        self._sizes: dict[int, Any] = {
            o.output: graph.constants[o.inputs[1]].tolist()
            for o in graph.operators
            if o.kind in ("PAD", "RESIZE_BILINEAR")
        }
        for operator in graph.operators:
            if operator.kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
                weight, bias = (graph.constants[number] for number in operator.inputs[1:])
                self.register_buffer(f"weight_{operator.output}", _weight(operator.kind, weight))
                self.register_buffer(f"bias_{operator.output}", torch.tensor(np.array(bias)))

    def half(self) -> Self:
        """The same module in float16, but for the heads."""
        for name, buffer in self.named_buffers():
            if int(name.rsplit("_", 1)[1]) not in self._heads:
                setattr(self, name, buffer.half())
        return self

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Outputs in the order of the graph's, each (B, ...) float32."""
        values = {self._graph.input: images.permute(0, 3, 1, 2)}
        for operator, released in zip(self._graph.operators, self._released, strict=True):
            values[operator.output] = self._run(operator, values)
            for number in released:
                del values[number]
        return tuple(_to_nhwc(values[number]).float() for number in self._graph.outputs)

    def _run(self, operator: Operator, values: dict[int, Tensor]) -> Tensor:
        kind, options = operator.kind, operator.options
        inputs = [values[number] for number in operator.inputs if number in values]
        x = inputs[0]
        if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            weight = self.get_buffer(f"weight_{operator.output}")
            bias = self.get_buffer(f"bias_{operator.output}")
            strides = _sizes(options, "stride")
            if options["padding"] == _SAME:
                x = _pad_same(x, weight.shape[2:], strides)
            groups = x.shape[1] if kind == "DEPTHWISE_CONV_2D" else 1
            x = F.conv2d(x.to(weight.dtype), weight, bias, stride=strides, groups=groups)
        elif kind == "ADD":
            x = x + inputs[1]
        elif kind == "PAD":
            _, (top, bottom), (left, right), (before, after) = self._sizes[operator.output]
            x = F.pad(x, (left, right, top, bottom, before, after))
        elif kind == "MAX_POOL_2D":
            size, strides = _sizes(options, "filter"), _sizes(options, "stride")
            if options["padding"] == _SAME:
                x = _pad_same(x, size, strides, value=float("-inf"))
            x = F.max_pool2d(x, size, stride=strides)
        elif kind == "RESIZE_BILINEAR":
            size = tuple(self._sizes[operator.output])
            x = F.interpolate(x, size=size, mode="bilinear", align_corners=False)
        elif kind == "DEPTH_TO_SPACE":
            x = _depth_to_space(x, options["block"])
        elif kind == "RESHAPE":
            x = _to_nhwc(x).reshape(x.shape[0], *self._graph.shapes[operator.output][1:])
        elif kind == "CONCATENATION":
            x = torch.cat(inputs, dim=options["axis"])
        elif kind == "LOGISTIC":
            x = torch.sigmoid(x)
        else:
            raise ValueError(f"operator {kind} has no torch counterpart here")
        return _ACTIVATIONS[options.get("activation", 0)](x)


def _is_head(operator: Operator, graph: Graph) -> bool:
    shape = graph.shapes[operator.output]
    return operator.kind == "CONV_2D" and shape[1:3] == (1, 1)


def _weight(kind: str, weight: Array) -> Tensor:
    """TFLite's (O, H, W, I), or (1, H, W, C) where depthwise -> torch's (O, I / groups, H, W)."""
    tensor = torch.tensor(np.array(weight))
    return tensor.permute(3, 0, 1, 2) if kind == "DEPTHWISE_CONV_2D" else tensor.permute(0, 3, 1, 2)


def _sizes(options: Mapping[str, int], name: str) -> tuple[int, int]:
    return options[f"{name}_h"], options[f"{name}_w"]


def _pad_same(x: Tensor, size: Sequence[int], strides: Sequence[int], value: float = 0.0) -> Tensor:
    """TensorFlow's SAME: the odd pixel of padding goes to the bottom and the right."""
    pads: list[int] = []
    for length, kernel, stride in zip(x.shape[:1:-1], size[::-1], strides[::-1], strict=True):
        total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=value) if any(pads) else x


def _depth_to_space(x: Tensor, block: int) -> Tensor:
    """TensorFlow's order: a channel is (row in block, column in block, channel)."""
    batch, channels, height, width = x.shape
    x = x.reshape(batch, block, block, channels // block**2, height, width)
    x = x.permute(0, 3, 4, 1, 5, 2)
    return x.reshape(batch, channels // block**2, height * block, width * block)


def _to_nhwc(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1) if x.ndim == 4 else x
