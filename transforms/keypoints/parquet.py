"""Keypoints in a Parquet file, in the columns of the pose store (`pose_columns`).

`z`, the world coordinates and `visibility` may be missing; null or NaN is a landmark that is not
seen. The topology follows from the landmarks (`rules.topology_of`), unless the metadata of the
schema say it (`topology`); `width_px` and `height_px` there are the size of the picture.
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
from repscore.transforms.keypoints.rules import (
    SAMPLE,
    Scale,
    scale_to_px,
    seconds_of,
    size_px_of,
    to_px,
    topology_of,
)
from repscore.transforms.keypoints.span import NotKeypoints, Span, length_of, people_of, rate_of
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

_NUMBERS: Final = {pa.int32(), pa.int64(), pa.uint32(), pa.uint64(), pa.float32(), pa.float64()}


def probe(
    uri: str, picture_px: tuple[int, int] | None = None, *, stream: bool = False
) -> tuple[Probe, npt.NDArray[np.float64]]:
    """What the file holds, and the times of its frames, on the clock of a `stream`.

    `picture_px` is the size of the picture where the file says none. Raises NotKeypoints
    or another ProbeError, and OSError.
    """
    head_of(uri)
    with _open(uri) as file:
        parquet = pq.ParquetFile(file)
        topology, _ = _layout(uri, parquet, picture_px)
        time_s = seconds_of(uri, _times(parquet), stream=stream)
    rate = rate_of(time_s)
    length_s, codec = length_of(time_s, rate), f"parquet {topology}"
    return Probe(None, None, rate, len(time_s), length_s, None, codec, topology), time_s


def read(
    uri: str,
    start_s: float,
    end_s: float,
    *,
    picture_px: tuple[int, int] | None = None,
    stream: bool = False,
) -> Span:
    """The frames in [start_s, end_s); groups of rows at other times are passed over.

    Raises NotKeypoints where columns do not fit, and OSError.
    """
    with _open(uri) as file:
        parquet = pq.ParquetFile(file)
        topology, scale = _layout(uri, parquet, picture_px)
        raw = _times(parquet)
        seconds = seconds_of(uri, raw, stream=stream)
        frames = slice(*np.searchsorted(seconds, [start_s, end_s]).tolist())
        raw, seconds = raw[frames], seconds[frames]
        count, names = TOPOLOGIES[topology][0], parquet.schema_arrow.names
        wanted = [name for name in (TIME, PERSON, *LANDMARKS) if name in names]
        span = pc.scalar(False)
        if len(raw):
            span = (pc.field(TIME) >= raw[0].item()) & (pc.field(TIME) <= raw[-1].item())
        table = pq.read_table(file, columns=wanted, filters=span).sort_by(TIME)
        lists = {name: matrix(table[name], count) for name in wanted if name in LANDMARKS}
        time_s = seconds[np.searchsorted(raw, table[TIME].to_numpy())]
        person = np.full(len(table), -1, np.int32)
        if named := PERSON in wanted:
            numbers = table[PERSON].cast(pa.int32()).to_numpy()  # NaN for null
            person = np.nan_to_num(numbers, nan=-1).astype(np.int32)
    image_px = to_px(np.stack([lists[name] for name in IMAGE if name in lists], axis=-1), scale)
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


def _times(file: pq.ParquetFile) -> npt.NDArray[Any]:
    """The times of the frames as they are written, in order, each once."""
    return np.unique(file.read(columns=[TIME])[TIME].to_numpy())


def _layout(
    uri: str, file: pq.ParquetFile, picture_px: tuple[int, int] | None
) -> tuple[str, Scale | None]:
    """The topology and what makes pixels, by the first rows with people.

    Raises NotKeypoints where columns are missing.
    """
    names = file.schema_arrow.names
    if missing := [name for name in (TIME, *IMAGE[:2]) if name not in names]:
        raise NotKeypoints(
            f"{uri}: expected columns {TIME}, x and y, one list of landmarks per person and "
            f"frame; found {', '.join(names)}, without {', '.join(missing)}"
        )
    if file.schema_arrow.field(TIME).type not in _NUMBERS:
        raise NotKeypoints(
            f"{uri}: expected numbers of seconds in {TIME}, found "
            f"{file.schema_arrow.field(TIME).type}; write seconds from the start"
        )
    about = file.schema_arrow.metadata or {}
    if b"width_px" in about and b"height_px" in about:
        picture_px = size_px_of(uri, float(about[b"width_px"]), float(about[b"height_px"]))
    declared = about[b"topology"].decode() if b"topology" in about else None
    for batch in file.iter_batches(SAMPLE, columns=list(IMAGE[:2])):
        lengths = pc.list_value_length(batch.column(0)).drop_null()
        if len(lengths):
            count = lengths[0].as_py()
            sides = [matrix(pa.chunked_array([batch.column(side)]), count) for side in (0, 1)]
            sample = np.stack(sides, axis=-1)
            return topology_of(uri, count, declared, sample), scale_to_px(uri, sample, picture_px)
    raise NotKeypoints(f"{uri}: expected landmarks, found nobody in any frame")
