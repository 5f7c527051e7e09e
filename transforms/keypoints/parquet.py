"""Keypoints in a Parquet file, in the columns of the pose store (`pose_columns`).

`z`, the world coordinates and `visibility` may be missing; null or NaN is a landmark that is not
seen. The topology follows from L: 33 is blazepose33, 25 body25, 18 coco18, 15 canonical15.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

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
from repscore.transforms.pose_columns import (
    IMAGE,
    LANDMARKS,
    PERSON,
    TIME,
    VISIBILITY,
    WORLD,
    matrix,
)
from repscore.transforms.records import Probe


def probe(uri: str) -> tuple[Probe, npt.NDArray[np.float64]]:
    """What the file holds, and the times of its frames.

    Raises NotKeypoints or another ProbeError, and OSError.
    """
    head_of(uri)
    with _open(uri) as file:
        parquet = pq.ParquetFile(file)
        topology = _topology(uri, parquet)
        column = parquet.read(columns=[TIME])[TIME].cast(pa.float64())
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
        wanted = [name for name in (TIME, PERSON, *LANDMARKS) if name in names]
        span = (pc.field(TIME) >= start_s) & (pc.field(TIME) < end_s)
        table = pq.read_table(file, columns=wanted, filters=span).sort_by(TIME)
        lists = {name: matrix(table[name], count) for name in wanted if name in LANDMARKS}
        time_s = table[TIME].cast(pa.float64()).to_numpy()
        person = np.full(len(table), -1, np.int32)
        if named := PERSON in wanted:
            numbers = table[PERSON].cast(pa.int32()).to_numpy()  # NaN for null
            person = np.nan_to_num(numbers, nan=-1).astype(np.int32)
    image_px = np.stack([lists[name] for name in IMAGE if name in lists], axis=-1)
    seen = np.isfinite(image_px[..., 0] + image_px[..., 1])
    unnamed = np.flatnonzero(seen.any(axis=1) & (person < 0))
    if named and len(unnamed):
        raise NotKeypoints(
            f"{uri}: expected a `person` from 0 on in every row with landmarks, found none at "
            f"{time_s[unnamed[0]]:g} s; without the column `person` people are identified by place"
        )
    world = None
    if all(name in lists for name in WORLD):
        world = np.stack([lists[name] for name in WORLD], axis=-1)
    visibility = lists.get(VISIBILITY)
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
    if missing := [name for name in (TIME, *IMAGE[:2]) if name not in names]:
        raise NotKeypoints(
            f"{uri}: expected columns {TIME}, x and y, one list of landmarks per person and "
            f"frame; found {', '.join(names)}, without {', '.join(missing)}"
        )
    for batch in file.iter_batches(1024, columns=["x"]):
        lengths = pc.list_value_length(batch.column(0)).drop_null()
        if len(lengths):
            return topology_of(uri, lengths[0].as_py(), None)
    raise NotKeypoints(f"{uri}: expected landmarks, found nobody in any frame")
