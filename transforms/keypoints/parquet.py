"""Keypoints in a Parquet file, in the columns of the pose store.

A row is a person in a frame, or a frame in which nobody was found (its lists are null):

    frame_time_s           seconds from the start, from 0 on
    person                 who it is; without the column people are linked by place
    x, y, z                lists of L numbers in pixels: x right, y down, z in the scale of x
    world_x, _y, _z        lists of L numbers in metres, origin between the hips, y down
    visibility             lists of L numbers in 0..1

`z`, the world coordinates and `visibility` may be missing; null or NaN is a landmark that is not
seen. The topology follows from L: 33 is blazepose33, 25 body25, 18 coco18, 15 canonical15.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from repscore.models.skeleton import TOPOLOGIES
from repscore.transforms.files import open_binary
from repscore.transforms.inputs import head_of
from repscore.transforms.keypoints.span import (
    NotKeypoints,
    Span,
    checked_times,
    length_of,
    people_of,
    rate_of,
    topology_of,
)
from repscore.transforms.records import Probe

_TIME: Final = "frame_time_s"
_WORLD: Final = ("world_x", "world_y", "world_z")
_LISTS: Final = ("x", "y", "z", *_WORLD, "visibility")
_LIST: Final = pa.list_(pa.float32())


def probe(uri: str) -> tuple[Probe, npt.NDArray[np.float64]]:
    """What the file holds, and the times of its frames.

    Raises NotKeypoints or another ProbeError, and OSError.
    """
    head_of(uri)
    with _open(uri) as file:
        parquet = pq.ParquetFile(file)
        topology = _topology(uri, parquet)
        column = parquet.read(columns=[_TIME])[_TIME].cast(pa.float64())
    time_s = checked_times(uri, np.unique(column.to_numpy()))
    rate = rate_of(time_s)
    length_s, codec = length_of(time_s, rate), f"parquet {topology}"
    return Probe(None, None, rate, len(time_s), length_s, None, codec, topology), time_s


def read(uri: str, start_s: float, end_s: float) -> Span:
    """The frames in [start_s, end_s); groups of rows at other times are passed over.

    Raises NotKeypoints where columns do not fit, and OSError.
    """
    with _open(uri) as file:
        parquet = pq.ParquetFile(file)
        topology = _topology(uri, parquet)
        count, names = TOPOLOGIES[topology][0], parquet.schema_arrow.names
        wanted = [name for name in (_TIME, "person", *_LISTS) if name in names]
        span = (pc.field(_TIME) >= start_s) & (pc.field(_TIME) < end_s)
        table = pq.read_table(file, columns=wanted, filters=span).sort_by(_TIME)
        lists = {name: _matrix(table[name], count) for name in wanted if name in _LISTS}
        time_s = table[_TIME].cast(pa.float64()).to_numpy()
        person = np.full(len(table), -1, np.int32)
        if named := "person" in wanted:
            numbers = table["person"].cast(pa.int32()).to_numpy()  # NaN for null
            person = np.nan_to_num(numbers, nan=-1).astype(np.int32)
    image_px = np.stack([lists[name] for name in ("x", "y", "z") if name in lists], axis=-1)
    seen = np.isfinite(image_px[..., 0] + image_px[..., 1])
    unnamed = np.flatnonzero(seen.any(axis=1) & (person < 0))
    if named and len(unnamed):
        raise NotKeypoints(
            f"{uri}: expected a `person` from 0 on in every row with landmarks, found none at "
            f"{time_s[unnamed[0]]:g} s; without the column `person` people are linked by place"
        )
    world = None
    if all(name in lists for name in _WORLD):
        world = np.stack([lists[name] for name in _WORLD], axis=-1)
    visibility = lists.get("visibility")
    poses = []
    _, starts = np.unique(time_s, return_index=True)
    for begin, end in zip(starts, [*starts[1:], len(time_s)], strict=True):
        frame = slice(begin, end)
        people = people_of(
            person[frame],
            image_px[frame],
            None if world is None else world[frame],
            None if visibility is None else visibility[frame],
        )
        poses.append((float(time_s[begin]), people))
    return Span(topology, poses, named=named)


@contextmanager
def _open(uri: str) -> Iterator[IO[bytes]]:
    """The file, open; whatever is wrong with its layout comes as NotKeypoints."""
    with open_binary(uri) as file:
        try:
            yield file
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise NotKeypoints(
                f"{uri}: expected a Parquet file of keypoints, found one that cannot be read "
                f"({error})"
            ) from error


def _topology(uri: str, file: pq.ParquetFile) -> str:
    """By the length of the first list; raises NotKeypoints where columns are missing."""
    names = file.schema_arrow.names
    if missing := [name for name in (_TIME, "x", "y") if name not in names]:
        raise NotKeypoints(
            f"{uri}: expected columns {_TIME}, x and y, one list of landmarks per person and "
            f"frame; found {', '.join(names)}, without {', '.join(missing)}"
        )
    for batch in file.iter_batches(1024, columns=["x"]):
        lengths = pc.list_value_length(batch.column(0)).drop_null()
        if len(lengths):
            return topology_of(uri, lengths[0].as_py(), None)
    raise NotKeypoints(f"{uri}: expected landmarks, found nobody in any frame")


def _matrix(column: Any, count: int) -> npt.NDArray[np.float32]:
    """A column of lists as (rows, count); a null row is NaN. Raises ArrowInvalid."""
    lists = column.cast(_LIST).combine_chunks()
    valid = lists.is_valid().to_numpy(zero_copy_only=False)
    lengths = pc.unique(pc.list_value_length(lists).drop_null()).to_pylist()
    if lengths not in ([], [count]):
        raise pa.ArrowInvalid(f"lists of {lengths} numbers, expected {count} in all")
    matrix = np.full((len(lists), count), np.nan, np.float32)
    matrix[valid] = lists.flatten().to_numpy(zero_copy_only=False).reshape(-1, count)
    return matrix
