"""The pose store: one Parquet file per segment, found again by what it was made from.

A file holds a row for every person in every sampled frame, and one row without a person for a
frame in which nobody was found. It is the checkpoint of the expensive stage: it appears whole or
not at all, and tells by itself everything that a later run needs.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from repscore.models.estimator import People
from repscore.models.skeleton import TOPOLOGIES
from repscore.transforms.errors import words_of
from repscore.transforms.files import inside, open_binary, replacing
from repscore.transforms.pose_columns import (
    IMAGE,
    LANDMARKS,
    PERSON,
    SCHEMA,
    TIME,
    VISIBILITY,
    WORLD,
    matrix,
)
from repscore.transforms.records import PoseFrames, Segment

_PREFIX: Final = "repscore."
_DIGEST: Final = "repscore-digest"


class DamagedPoses(ValueError):
    """A file is no file of poses, or another one than was written."""


@dataclass(frozen=True)
class SegmentFile:
    """What a file of poses says of itself, in the metadata of its schema.

    Attributes:
        end_s: None for the last segment, which has no end.
        sample_fps: None where every frame was taken.
        frames: sampled frames, with a person or without.
        frames_with_person: those in which somebody was found.
        decoded_s: end of the last frame that was decoded, seconds from the start of the video.
        shortfall: why the segment is not complete, None if it is.
        clock_jumps: where the clock of the container jumps, None where it does not.
        pictures: what the container holds in the segment; of keypoints the frames.
        pictures_decoded: those that could be decoded.
        estimator: its identity.
    """

    video_id: str
    pose_version: str
    segment: int
    segments: int
    start_s: float
    end_s: float | None
    topology: str
    estimator: Mapping[str, str]
    width_px: int | None
    height_px: int | None
    fps: float
    sample_fps: float | None
    frames: int
    frames_with_person: int
    decoded_s: float
    shortfall: str | None
    clock_jumps: str | None
    pictures: int
    pictures_decoded: int

    @property
    def named(self) -> bool:
        """Whether the source itself says who is who, over all segments: keypoints may."""
        return self.estimator.get("named") == str(True)


@dataclass(frozen=True, eq=False)
class SegmentPeople:
    """The poses of a segment.

    Attributes:
        time_s: (N,) float64, the sampled frames, whether anybody is in them or not.
        people: each person over all N frames, rows of NaN (visibility 0) where absent.
    """

    about: SegmentFile
    time_s: npt.NDArray[np.float64]
    people: Mapping[int, PoseFrames]


def segment_path(root: str, pose_version: str, segment: Segment) -> str:
    """Where the poses of a segment lie below `root`, a folder or URL: a content address."""
    end = "end" if math.isinf(segment.end_s) else f"{round(segment.end_s * 1e6)}"
    name = f"{segment.index:05d}-of-{segment.count}-{round(segment.start_s * 1e6)}-{end}.parquet"
    return inside(segment_folder(root, pose_version, segment.video.video_id), name)


def segment_folder(root: str, pose_version: str, video_id: str) -> str:
    """Where all segments of a video lie; raises OutsideDataset for what is no plain name."""
    inside(root, video_id)  # first: the message shall name all of it
    return inside(root, "poses", pose_version, video_id[:2], video_id)


def write_segment(path: str, about: SegmentFile, poses: Sequence[tuple[float, People]]) -> None:
    """Write the people found at each sampled time, at once and whole.

    Raises ValueError where `about` does not fit the poses.
    """
    if about.frames != len(poses):
        raise ValueError(f"{path}: {about.frames} frames are declared, {len(poses)} given")
    table = _table(about, poses)
    lists: Any = [f"{name}.list.element" for name in LANDMARKS]  # typed as bool in the stubs
    with replacing(path) as file:
        # Bytes of equal rank lie together: coordinates compress a quarter better.
        pq.write_table(
            table, file, compression="zstd", use_dictionary=False, use_byte_stream_split=lists
        )


def find(path: str) -> SegmentFile | None:
    """What the file at `path` says of itself; None where none is, or not one of ours, or damaged.

    All of it is read: a damaged file is made again.
    """
    try:
        return _read(path)[0]
    except (FileNotFoundError, DamagedPoses):
        return None


def _read(path: str) -> tuple[SegmentFile, pa.Table]:
    """The file, whole and as it was written; raises DamagedPoses, and OSError."""
    with open_binary(path) as file:
        content = file.read()
    try:
        table = pq.read_table(pa.BufferReader(content))
        about = _about(table.schema)
        digest = (table.schema.metadata or {}).get(_DIGEST.encode(), b"").decode()
        columns = table.schema.equals(SCHEMA)
        if about is not None and columns and digest == _digest(table, about):
            return about, table
        reason = "what it holds is not what was written"
    except Exception as error:  # whatever damage makes of a decoder
        reason = words_of(error)
    raise DamagedPoses(
        f"{path}: is no whole file of poses ({reason}); run `score` to make it again"
    )


def read_people(path: str) -> SegmentPeople:
    """The poses of a segment, person by person; raises DamagedPoses, and OSError."""
    about, table = _read(path)
    count = TOPOLOGIES[about.topology][0]
    time_s, row_frame = np.unique(table[TIME].to_numpy(), return_inverse=True)
    person = table[PERSON].to_numpy().astype(np.float64)  # NaN in a row without a person
    values = {name: matrix(table[name], count) for name in LANDMARKS}
    people = {}
    for identity in np.unique(person[~np.isnan(person)]).astype(int).tolist():
        rows = person == identity
        full = {name: np.full((len(time_s), count), np.nan, np.float32) for name in LANDMARKS}
        full[VISIBILITY][:] = 0
        for name in LANDMARKS:
            full[name][row_frame[rows]] = values[name][rows]
        people[identity] = PoseFrames(
            topology=about.topology,
            time_s=time_s,
            image_px=np.stack([full[name] for name in IMAGE], axis=-1),
            world_m=np.stack([full[name] for name in WORLD], axis=-1),
            visibility=full[VISIBILITY],
        )
    return SegmentPeople(about, time_s, people)


def _table(about: SegmentFile, poses: Sequence[tuple[float, People]]) -> pa.Table:
    count = TOPOLOGIES[about.topology][0]
    times: list[float] = []
    person: list[int | None] = []
    for time_s, people in poses:
        if people.image_px.shape[1:] != (count, 3):
            raise ValueError(
                f"{about.topology} has {count} landmarks, found an array of {people.image_px.shape}"
            )
        times += [time_s] * max(1, len(people.person))
        person += people.person.tolist() or [None]
    values = np.empty((len(times) - person.count(None), count, len(LANDMARKS)), np.float32)
    if poses:
        np.concatenate([people.image_px for _, people in poses], out=values[..., :3])
        np.concatenate([people.world_m for _, people in poses], out=values[..., 3:6])
        np.concatenate([people.visibility for _, people in poses], out=values[..., 6])
    nobody = np.array([identity is None for identity in person], bool)
    # Lists of varying length: Arrow cannot read back null lists of a fixed one.
    ends = pa.array(np.concatenate([[0], np.cumsum(~nobody) * count]), pa.int32())
    columns: dict[str, Any] = {
        "video_id": pa.repeat(about.video_id, len(times)),
        "segment": pa.repeat(about.segment, len(times)),
        TIME: times,
        PERSON: person,
    }
    for index, name in enumerate(LANDMARKS):
        flat = pa.array(np.ascontiguousarray(values[..., index], np.float32).ravel())
        columns[name] = pa.ListArray.from_arrays(ends, flat, mask=pa.array(nobody))
    table = pa.table(columns, SCHEMA)
    metadata = {f"{_PREFIX}{key}": json.dumps(value) for key, value in asdict(about).items()}
    metadata[_DIGEST] = _digest(table, about)
    return table.replace_schema_metadata(metadata)


def _digest(table: pa.Table, about: SegmentFile) -> str:
    """Of all values and of what the file says of itself: Parquet's footer has no check sum."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps(asdict(about), sort_keys=True).encode())
    for column in table.itercolumns():
        values: Any = column.combine_chunks()
        digest.update(np.asarray(values.is_null()).tobytes())
        if pa.types.is_list(values.type):
            lengths = values.value_lengths().fill_null(0)
            digest.update(np.asarray(lengths).tobytes())
            values = values.flatten()
        if pa.types.is_string(values.type):
            digest.update("\0".join(sorted(pc.unique(values).to_pylist())).encode())
        else:
            digest.update(values.to_numpy(zero_copy_only=False).tobytes())
    return digest.hexdigest()


def _about(schema: pa.Schema) -> SegmentFile | None:
    """The description in a schema's metadata; None where it is not there or of another version."""
    found = {
        key.decode().removeprefix(_PREFIX): json.loads(value)
        for key, value in (schema.metadata or {}).items()
        if key.decode().startswith(_PREFIX)
    }
    ours = set(found) == {field.name for field in fields(SegmentFile)}
    return SegmentFile(**found) if ours else None
