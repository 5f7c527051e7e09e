"""A recording of OpenPose: one JSON file per frame."""

import math
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from repscore.models.openpose import NotOpenPose, parse
from repscore.models.skeleton import TOPOLOGIES
from repscore.transforms.files import open_binary
from repscore.transforms.keypoints.names import frame_files, is_recording
from repscore.transforms.keypoints.span import NotKeypoints, Span, length_of, people_of
from repscore.transforms.records import Probe

_NAMED: Final = 3
"""How many bad files a failure names."""

_REMEDY: Final = "write them again with OpenPose"


def probe(recording: str, fps: float) -> tuple[Probe, npt.NDArray[np.float64]]:
    """What the recording is, and the time of each of its frames: the number in its name / fps.

    A number that is missing is a hole in time, not a shift. Reads up to the first document with
    people: the topology of the recording. Raises NotKeypoints where no file is one of OpenPose's,
    or two have the same number, and OSError.
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
    topology = topology_of(recording, files)
    time_s = np.array([number for number, _ in files], np.float64) / fps
    codec = f"openpose {topology}" if topology else "openpose"
    length_s = length_of(time_s, fps)
    return Probe(None, None, fps, len(files), length_s, None, codec, topology), time_s


def read(recording: str, start_s: float, end_s: float, *, fps: float, topology: str) -> Span:
    """The frames in [start_s, end_s); a file that cannot be understood is a hole in time.

    Raises OSError: what cannot be read now may be read later.
    """
    poses, faults, expected = [], [], 0
    for number, place in frame_files(recording):
        time_s = number / fps
        if not start_s <= time_s < end_s:
            continue
        expected += 1
        try:
            document = parse(_bytes(place))
            if document.topology not in (None, topology):
                raise NotOpenPose(f"expected {topology} as before, found {document.topology}")
        except NotOpenPose as error:
            faults.append(f"{_name(place)}: {error}")
            continue
        people = len(document.joints_px)
        joints_px = document.joints_px if people else np.empty((0, *_shape(topology)), np.float32)
        confidence = document.confidence if people else np.empty(joints_px.shape[:2], np.float32)
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


def topology_of(recording: str, files: list[tuple[int, str]]) -> str | None:
    """That of the first document with people, None where there are none."""
    fault, good = "", 0
    for _, place in files:
        try:
            document = parse(_bytes(place))
        except NotOpenPose as error:
            fault = fault or f"{_name(place)}: {error}"
            continue
        good += 1
        if document.topology is not None:
            return document.topology
    if not good:
        raise NotKeypoints(
            f"{recording}: expected documents of OpenPose, found none in {len(files)} files "
            f"({fault}); {_REMEDY}"
        )
    return None


def _bytes(place: str) -> bytes:
    with open_binary(place) as file:
        return file.read()


def _name(place: str) -> str:
    return place.rpartition("/")[2]


def _shape(topology: str) -> tuple[int, int]:
    return TOPOLOGIES[topology][0], 2
