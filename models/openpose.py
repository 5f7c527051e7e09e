"""OpenPose's JSON: one document per frame becomes joints and their confidence.

The format is that of OpenPose's `--write_json` (doc/02_output.md): `people` is a list, and each
holds `pose_keypoints_2d` (`pose_keypoints` before version 1.1), flat triples of x, y, confidence.
Others write the same documents with landmarks of other topologies.
"""

import json
import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from repscore.models.skeleton import BY_COUNT

_NO_PIXEL: Final = 1e9
_KEYS: Final = ("pose_keypoints_2d", "pose_keypoints")


class NotOpenPose(ValueError):
    """A document is not what OpenPose writes."""


@dataclass(frozen=True, eq=False)
class Document:
    """The people in one frame, in the order of the file, which says nothing of who they are.

    Attributes:
        topology: by the number of landmarks; None where the document names nobody.
        joints: (P, L, 2) float32, x right, y down, in the writer's unit; NaN where it found none.
        confidence: (P, L) float32 in 0..1, 0 where it found none.
    """

    topology: str | None
    joints: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]


def parse(text: bytes) -> Document:
    """A document; people of whom no joint was found are left out.

    Raises NotOpenPose for anything else than JSON with the people of one topology.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        found = "an empty file" if not text.strip() else f"{len(text)} bytes that are not ({error})"
        raise NotOpenPose(f"expected JSON, found {found}") from error
    people = document.get("people") if isinstance(document, dict) else None
    if not isinstance(people, list):
        raise NotOpenPose("expected an object with a list `people`, found JSON without it")
    rows = [row for person in people if (row := _numbers(person))]
    counts = sorted({len(row) for row in rows})
    if not counts:
        return Document(None, np.empty((0, 0, 2), np.float32), np.empty((0, 0), np.float32))
    topology = BY_COUNT.get(counts[0] // 3) if len(counts) == 1 and counts[0] % 3 == 0 else None
    if topology is None:
        named = " and ".join(f"{count / 3:g}" for count in counts)
        known = ", ".join(f"{count} ({name})" for count, name in BY_COUNT.items())
        raise NotOpenPose(f"expected keypoints of one topology, {known}, found {named} a person")
    triples = np.array(rows, np.float64).reshape(len(rows), -1, 3)
    seen = (np.abs(triples) < _NO_PIXEL).all(axis=-1) & (triples[..., 2] > 0)
    joints = np.where(seen[..., None], triples[..., :2], np.nan).astype(np.float32)
    confidence = np.where(seen, np.minimum(triples[..., 2], 1), 0).astype(np.float32)
    bodies = seen.any(axis=1)
    return Document(topology, joints[bodies], confidence[bodies])


def _numbers(person: Any) -> list[float]:
    """The flat numbers of a person; none where only a face or a hand was found."""
    values = None
    if isinstance(person, dict):
        values = next((person[key] for key in _KEYS if key in person), None)
    if not isinstance(values, list):
        raise NotOpenPose(f"expected a list `{_KEYS[0]}` for each person, found a person without")
    if not all(type(value) in (int, float) for value in values):
        raise NotOpenPose(f"expected numbers in `{_KEYS[0]}`, found something else")
    try:
        return [float(value) for value in values]
    except OverflowError:
        return [math.nan if abs(value) > 1e38 else float(value) for value in values]
