"""A recording of OpenPose: one JSON file per frame."""

import math
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from repscore.models.openpose import Document, NotOpenPose, parse
from repscore.models.skeleton import TOPOLOGIES
from repscore.transforms.files import open_binary
from repscore.transforms.keypoints.names import frame_files, is_recording
from repscore.transforms.keypoints.rules import (
    Scale,
    are_shares,
    scale_to_px,
    to_px,
    topology_of,
)
from repscore.transforms.keypoints.span import NotKeypoints, Span, length_of, people_of
from repscore.transforms.records import Probe

_NAMED: Final = 3
"""How many bad files a failure names."""

_DOCUMENTS: Final = 30
"""How many documents with people tell topology and unit."""

_REMEDY: Final = "write them again with OpenPose"


def probe(
    recording: str, fps: float, picture_px: tuple[int, int] | None = None
) -> tuple[Probe, npt.NDArray[np.float64]]:
    """What the recording is, and the time of each of its frames: the number in its name / fps.

    A number that is missing is a hole in time, not a shift. `picture_px` is the size of the
    picture, which documents in shares of it need. Raises NotKeypoints where no file is one of
    OpenPose's, or two have the same number, and OSError.
    """
    if not is_recording(recording):
        raise NotKeypoints(
            f"{recording}: expected a frame of OpenPose, called NAME_<number>_keypoints.json, "
            "found no number in the name"
        )
    files = frame_files(recording)
    for (number, place), (next_number, next_place) in pairwise(files):
        if number == next_number:
            raise NotKeypoints(
                f"{recording}: expected one file per frame, found two of frame {number}: "
                f"{_name(place)} and {_name(next_place)}; keep one of them"
            )
    topology, scale = layout_of(recording, files, picture_px)
    time_s = np.array([number for number, _ in files], np.float64) / fps
    codec = f"openpose {topology}" if topology else "openpose"
    length_s = length_of(time_s, fps)
    width_px, height_px = picture_px if picture_px and scale is not None else (None, None)
    return Probe(width_px, height_px, fps, len(files), length_s, None, codec, topology), time_s


def read(
    recording: str,
    start_s: float,
    end_s: float,
    *,
    fps: float,
    topology: str,
    picture_px: tuple[int, int] | None = None,
) -> Span:
    """The frames in [start_s, end_s); a file that cannot be understood is a hole in time.

    Raises OSError: what cannot be read now may be read later.
    """
    poses, faults, expected = [], [], 0
    files = frame_files(recording)
    scale, known = None, False
    landmarks = TOPOLOGIES[topology][0]
    for number, place in files:
        time_s = number / fps
        if not start_s <= time_s < end_s:
            continue
        expected += 1
        try:
            document = parse(_bytes(place))
            if document.topology and document.joints.shape[1] != landmarks:
                raise NotOpenPose(f"expected {topology} as before, found {document.topology}")
            if len(document.joints) and not known:
                scale, known = layout_of(recording, files, picture_px)[1], True
            if len(document.joints) and are_shares(document.joints) != (scale is not None):
                found = "pixels" if scale is not None else "shares of the picture"
                raise NotOpenPose(f"expected places in the unit of the others, found {found}")
        except NotOpenPose as error:
            faults.append(f"{_name(place)}: {error}")
            continue
        people = len(document.joints)
        joints_px = to_px(document.joints, scale) if people else np.empty((0, landmarks, 2))
        confidence = document.confidence if people else np.empty((0, landmarks), np.float32)
        poses.append((time_s, people_of(np.full(people, -1), joints_px, None, confidence)))
    shortfall = None
    if faults:
        named = "; ".join(faults[:_NAMED]) + ("; ..." if len(faults) > _NAMED else "")
        until = "the end" if math.isinf(end_s) else f"{end_s:g} s"
        shortfall = (
            f"{len(faults)} of {expected} frames from {start_s:g} s to {until} are no documents of "
            f"OpenPose and left out: {named}; {_REMEDY}"
        )
    return Span(topology, poses, named=False, shortfall=shortfall)


def layout_of(
    recording: str, files: list[tuple[int, str]], picture_px: tuple[int, int] | None
) -> tuple[str | None, Scale | None]:
    """The topology, None where nobody is seen, and what makes pixels of the places.

    By the first documents with people. Raises NotKeypoints and OSError.
    """
    fault, good, with_people = "", 0, list[Document]()
    for _, place in files:
        try:
            document = parse(_bytes(place))
        except NotOpenPose as error:
            fault = fault or f"{_name(place)}: {error}"
            continue
        good += 1
        if document.topology is not None:
            with_people.append(document)
        if len(with_people) == _DOCUMENTS:
            break
    if not good:
        raise NotKeypoints(
            f"{recording}: expected documents of OpenPose, found none in {len(files)} files "
            f"({fault}); {_REMEDY}"
        )
    if not with_people:
        return None, None
    count = with_people[0].joints.shape[1]
    same = [each.joints for each in with_people if each.joints.shape[1] == count]
    places = np.concatenate(same)
    topology = topology_of(recording, count, None, places)
    return topology, scale_to_px(recording, places, picture_px, centred=True)


def _bytes(place: str) -> bytes:
    with open_binary(place) as file:
        return file.read()


def _name(place: str) -> str:
    return place.rpartition("/")[2]
