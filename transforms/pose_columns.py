"""The columns of poses in Parquet: what the pose store writes and files of keypoints may hold.

A row is a person in a frame, or a frame in which nobody was found (its lists are null):

    frame_time_s           seconds from the start, from 0 on
    person                 who it is; without the column people are identified by place
    x, y, z                lists of L numbers in pixels: x right, y down, z in the scale of x
    world_x, _y, _z        lists of L numbers in metres, origin between the hips, y down
    visibility             lists of L numbers in 0..1
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

TIME: Final = "frame_time_s"
PERSON: Final = "person"
IMAGE: Final = ("x", "y", "z")
WORLD: Final = ("world_x", "world_y", "world_z")
VISIBILITY: Final = "visibility"
LANDMARKS: Final = (*IMAGE, *WORLD, VISIBILITY)
"""Columns of lists, one number per landmark."""

_LIST: Final = pa.list_(pa.float32())
_FIELDS: Final[list["pa.Field[Any]"]] = [
    pa.field("video_id", pa.string()),
    pa.field("segment", pa.int32()),
    pa.field(TIME, pa.float64()),
    pa.field(PERSON, pa.int32()),
    *(pa.field(name, _LIST) for name in LANDMARKS),
]
SCHEMA: Final = pa.schema(_FIELDS)
"""A file of the pose store."""


def matrix(column: Any, landmarks: int) -> npt.NDArray[np.float32]:
    """A column of lists as (rows, landmarks); a null row is NaN.

    Raises ArrowInvalid for lists of another length.
    """
    lists = column.cast(_LIST).combine_chunks()
    lengths = pc.unique(pc.list_value_length(lists).drop_null()).to_pylist()
    if lengths not in ([], [landmarks]):
        raise pa.ArrowInvalid(f"lists of {lengths} numbers, expected {landmarks} in all")
    values = np.full((len(lists), landmarks), np.nan, np.float32)
    values[lists.is_valid().to_numpy(zero_copy_only=False)] = (
        lists.flatten().to_numpy(zero_copy_only=False).reshape(-1, landmarks)
    )
    return values
