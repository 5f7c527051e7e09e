"""What an input is by its name, and which files make up a recording of OpenPose."""

import re
from collections.abc import Iterable
from typing import Final, Literal

from repscore.transforms.files import names_in

Kind = Literal["video", "openpose", "npz", "parquet"]

REVISION: Final = 1
"""Rises with every change that gives other poses for the same files of keypoints."""

IN_FOLDERS: Final = (".keypoints.npz", ".keypoints.parquet")
"""What counts as keypoints inside a folder; a file that is named outright is always taken."""

_JSON: Final = "_keypoints.json"
_FRAME: Final = re.compile(rf"(?P<before>.*?)(?P<number>[0-9]{{1,18}}){re.escape(_JSON)}")


def kind_of(uri: str) -> Kind:
    """What lies at a place: everything that is not known by its name is taken for a video."""
    name = uri.lower()
    if name.endswith(_JSON):
        return "openpose"
    if name.endswith(".npz"):
        return "npz"
    return "parquet" if name.endswith(".parquet") else "video"


def recording_of(uri: str) -> str | None:
    """The recording that a JSON file of OpenPose is a frame of; None for any other file.

    OpenPose writes `<name>_<12 digits>_keypoints.json`. The recording is called after all its
    files, `%d` standing for the number of the frame: `FOLDER/<name>_%d_keypoints.json`.
    """
    folder, slash, name = uri.rpartition("/")
    found = _FRAME.fullmatch(name)
    return None if found is None else f"{folder}{slash}{found['before']}%d{_JSON}"


def is_recording(uri: str) -> bool:
    """Whether a place is the name of a recording, and no file."""
    return uri.endswith(f"%d{_JSON}")


def frames_among(names: Iterable[str], recording: str) -> list[tuple[int, str]]:
    """The frames of a recording among the names in its folder: (number, name) in order."""
    before = recording.rpartition("/")[2].removesuffix(f"%d{_JSON}")
    found = (_FRAME.fullmatch(name) for name in names if name.startswith(before))
    return sorted(
        (int(match["number"]), match.string)
        for match in found
        if match is not None and match["before"] == before
    )


def frame_files(recording: str) -> list[tuple[int, str]]:
    """The frames of a recording: (number, place) in order. Raises OSError."""
    folder, slash, _ = recording.rpartition("/")
    found = frames_among(names_in(folder + slash), recording)
    return [(number, f"{folder}{slash}{name}") for number, name in found]
