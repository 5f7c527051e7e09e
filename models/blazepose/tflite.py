"""Read what a `.tflite` file holds: operators, options and weights, as plain Python and NumPy.

A flatbuffer is walked with `struct` alone. Field numbers follow TensorFlow Lite's schema, version 3
(tensorflow/compiler/mlir/lite/schema/schema.fbs).
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]

_TYPES: Final[Mapping[int, type[np.generic]]] = {0: np.float32, 1: np.float16, 2: np.int32}
_INDEX_TYPES: Final[Mapping[int, type[np.generic]]] = {1: np.int32, 2: np.uint16, 3: np.uint8}

_OPERATORS: Final[Mapping[int, str]] = {
    0: "ADD", 2: "CONCATENATION", 3: "CONV_2D", 4: "DEPTHWISE_CONV_2D", 5: "DEPTH_TO_SPACE",
    6: "DEQUANTIZE", 14: "LOGISTIC", 17: "MAX_POOL_2D", 22: "RESHAPE", 23: "RESIZE_BILINEAR",
    34: "PAD", 124: "DENSIFY",
}  # fmt: skip

# Per operator: option -> (field number, struct format, default).
_OPTIONS: Final[Mapping[str, Mapping[str, tuple[int, str, int]]]] = {
    "CONV_2D": {
        "padding": (0, "b", 0), "stride_w": (1, "i", 0), "stride_h": (2, "i", 0),
        "activation": (3, "b", 0), "dilation_w": (4, "i", 1), "dilation_h": (5, "i", 1),
    },
    "DEPTHWISE_CONV_2D": {
        "padding": (0, "b", 0), "stride_w": (1, "i", 0), "stride_h": (2, "i", 0),
        "multiplier": (3, "i", 0), "activation": (4, "b", 0),
        "dilation_w": (5, "i", 1), "dilation_h": (6, "i", 1),
    },
    "MAX_POOL_2D": {
        "padding": (0, "b", 0), "stride_w": (1, "i", 0), "stride_h": (2, "i", 0),
        "filter_w": (3, "i", 0), "filter_h": (4, "i", 0), "activation": (5, "b", 0),
    },
    "ADD": {"activation": (0, "b", 0)},
    "CONCATENATION": {"axis": (0, "i", 0), "activation": (1, "b", 0)},
    "DEPTH_TO_SPACE": {"block": (0, "i", 0)},
    "RESIZE_BILINEAR": {"align_corners": (2, "?", 0), "half_pixel": (3, "?", 0)},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Operator:
    """One step: `kind` is the schema's name; inputs and output are tensor numbers."""

    kind: str
    inputs: tuple[int, ...]
    output: int
    options: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Graph:
    """Operators in order of execution, over tensors in NHWC with a batch of one.

    Attributes:
        input: number of the input tensor.
        outputs: numbers of the output tensors, in the file's order.
        shapes: tensor number -> shape.
        constants: tensor number -> weights, dense and in float32 (or int32).
    """

    operators: tuple[Operator, ...]
    input: int
    outputs: tuple[int, ...]
    shapes: Mapping[int, tuple[int, ...]]
    constants: Mapping[int, Array]

    def keeping(self, outputs: Sequence[int]) -> "Graph":
        """The graph of these outputs alone: what only feeds others is gone."""
        unknown = set(outputs) - set(self.outputs)
        if unknown:
            raise ValueError(f"tensors {sorted(unknown)} are not outputs; those are {self.outputs}")
        needed, kept = set(outputs), list[Operator]()
        for operator in reversed(self.operators):
            if operator.output in needed:
                needed.update(operator.inputs)
                kept.append(operator)
        constants = {number: a for number, a in self.constants.items() if number in needed}
        return Graph(tuple(reversed(kept)), self.input, tuple(outputs), self.shapes, constants)


def read_graph(path: Path) -> Graph:
    """The first subgraph of a `.tflite` file, its weights made dense and float32.

    Raises ValueError where the file is none, or has an operator or a type not listed here.
    """
    data = path.read_bytes()
    if data[4:8] != b"TFL3":
        raise ValueError(f"{path} is not a TensorFlow Lite model: it lacks the mark TFL3")
    model = _Table(data, struct.unpack_from("<I", data, 0)[0])
    codes = [max(c.scalar(0, "b"), c.scalar(3, "i")) for c in model.tables(1)]
    buffers = model.tables(4)
    (subgraph, *_) = model.tables(2)
    tensors = subgraph.tables(0)
    constants = {
        number: array
        for number, tensor in enumerate(tensors)
        if (array := _constant(tensor, buffers[tensor.scalar(2, "I")], path)) is not None
    }
    operators = []
    for table in subgraph.tables(3):
        code = codes[table.scalar(0, "I")]
        if code not in _OPERATORS:
            known = ", ".join(sorted(_OPERATORS.values()))
            raise ValueError(
                f"{path}: builtin operator {code} is not supported; these are: {known}"
            )
        operator = _operator(_OPERATORS[code], table)
        if operator.kind in ("DEQUANTIZE", "DENSIFY"):  # weights, already dense
            source = constants[operator.inputs[0]]
            half = source.dtype == np.float16 and operator.kind == "DEQUANTIZE"
            constants[operator.output] = source.astype(np.float32) if half else source
        else:
            operators.append(operator)
    used = {number for operator in operators for number in operator.inputs}
    return Graph(
        operators=tuple(operators),
        input=int(subgraph.vector(1, np.int32)[0]),
        outputs=tuple(map(int, subgraph.vector(2, np.int32))),
        shapes={n: tuple(map(int, t.vector(0, np.int32))) for n, t in enumerate(tensors)},
        constants={number: array for number, array in constants.items() if number in used},
    )


def densify(
    values: Array,
    shape: Sequence[int],
    order: Sequence[int],
    levels: Iterable[tuple[Array, Array] | None],
) -> Array:
    """Sparse weights as a dense array of `shape`.

    `levels` follow the dimensions in `order`: None for a dense one, else (segments, indices) as in
    compressed sparse rows.
    """
    positions = np.zeros((1, 0), np.int64)  # one row per path from the root
    for dimension, level in zip(order, levels, strict=True):
        if level is None:
            size = shape[dimension]
            index = np.tile(np.arange(size), len(positions))
            positions = np.column_stack([np.repeat(positions, size, axis=0), index])
        else:
            segments, index = (part.astype(np.int64) for part in level)
            positions = np.column_stack([np.repeat(positions, np.diff(segments), axis=0), index])
    dense = np.zeros(shape, values.dtype)
    dense[tuple(positions[:, list(order).index(d)] for d in range(len(shape)))] = values
    return dense


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of a flatbuffer; fields that are absent have their default."""

    data: bytes
    at: int

    def _field(self, number: int) -> int | None:
        vtable = self.at - struct.unpack_from("<i", self.data, self.at)[0]
        slot = 4 + 2 * number
        if slot >= struct.unpack_from("<H", self.data, vtable)[0]:
            return None
        offset: int = struct.unpack_from("<H", self.data, vtable + slot)[0]
        return self.at + offset if offset else None

    def scalar(self, number: int, code: str, default: int = 0) -> int:
        at = self._field(number)
        return default if at is None else int(struct.unpack_from("<" + code, self.data, at)[0])

    def table(self, number: int) -> "_Table | None":
        at = self._field(number)
        return None if at is None else _Table(self.data, _follow(self.data, at))

    def tables(self, number: int) -> "list[_Table]":
        at = self._field(number)
        if at is None:
            return []
        start = _follow(self.data, at)
        count = struct.unpack_from("<I", self.data, start)[0]
        slots = range(start + 4, start + 4 + 4 * count, 4)
        return [_Table(self.data, _follow(self.data, slot)) for slot in slots]

    def vector(self, number: int, dtype: type[np.generic]) -> Array:
        at = self._field(number)
        if at is None:
            return np.zeros(0, dtype)
        start = _follow(self.data, at)
        count = struct.unpack_from("<I", self.data, start)[0]
        return np.frombuffer(self.data, np.dtype(dtype).newbyteorder("<"), count, start + 4)


def _follow(data: bytes, at: int) -> int:
    return at + int(struct.unpack_from("<I", data, at)[0])


def _operator(kind: str, table: _Table) -> Operator:
    chosen = table.table(4)
    options = {
        name: default if chosen is None else chosen.scalar(field, code, default)
        for name, (field, code, default) in _OPTIONS.get(kind, {}).items()
    }
    (output,) = map(int, table.vector(2, np.int32))
    return Operator(kind, tuple(map(int, table.vector(1, np.int32))), output, options)


def _constant(tensor: _Table, buffer: _Table, path: Path) -> Array | None:
    raw = buffer.vector(0, np.uint8)
    if not len(raw):
        return None
    kind = tensor.scalar(1, "b")
    if kind not in _TYPES:
        raise ValueError(f"{path}: tensor type {kind} is not supported; known: {sorted(_TYPES)}")
    values = raw.view(np.dtype(_TYPES[kind]).newbyteorder("<"))
    shape = tuple(map(int, tensor.vector(0, np.int32)))
    sparsity = tensor.table(6)
    if sparsity is None:
        return values.reshape(shape)
    if len(sparsity.vector(1, np.int32)):
        raise ValueError(f"{path}: sparse tensors in blocks are not supported")
    order = list(map(int, sparsity.vector(0, np.int32)))
    return densify(values, shape, order, [_level(level) for level in sparsity.tables(2)])


def _level(level: _Table) -> tuple[Array, Array] | None:
    segments, indices = level.table(3), level.table(5)
    if segments is None or indices is None:
        return None
    return (
        segments.vector(0, _INDEX_TYPES[level.scalar(2, "B")]),
        indices.vector(0, _INDEX_TYPES[level.scalar(4, "B")]),
    )
