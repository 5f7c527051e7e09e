"""What a JSON or CSV file is by its first bytes, whatever it is called."""

import re
from typing import Final, Literal

from repscore.transforms.files import open_binary
from repscore.transforms.inputs import HEAD_BYTES
from repscore.transforms.keypoints.export_csv import columns_of, header_of, is_long
from repscore.transforms.keypoints.names import kind_of, recording_of

Contents = Literal["frame", "recording"]

_DOCUMENT: Final = re.compile(r'\{.*?"people"\s*:\s*\[', re.DOTALL)
_LANDMARKS: Final = re.compile(
    r'"(pose_?(world_?)?landmarks|landmarks?|keypoints|keypoint_scores)"\s*:|"visibility"\s*:', re.I
)
_DATA_SET: Final = re.compile(r'"(annotations|categories)"\s*:')


def contents_of(head: bytes, suffix: str) -> Contents | None:
    """A `frame` of a recording, a whole `recording` of keypoints, or neither.

    OpenPose's documents are frames. `head` are the first bytes of a file `.json` or `.csv`.
    """
    text = head.decode("utf-8", errors="ignore").lstrip("\ufeff \t\r\n")
    if suffix == ".csv":
        header, _ = header_of(text)
        return "recording" if columns_of(header) is not None or is_long(header) else None
    if not text.startswith(("{", "[")) or _DATA_SET.search(text):
        return None
    if _DOCUMENT.match(text) and not re.search(r'"frames?"\s*:', text):
        return "frame"
    return "recording" if _LANDMARKS.search(text) else None


class Recognised:
    """The inputs that the JSON and CSV files of a listing are; reads the head of each at most.

    The first document of OpenPose speaks for all the files of its recording.
    """

    def __init__(self) -> None:
        self._recordings: set[str] = set()

    def input_of(self, place: str) -> str | None:
        """The name of the recording, the place itself, or None for what is no keypoints."""
        if not place.lower().endswith((".json", ".csv")):  # as most: listings are long
            return place
        kind, recording = kind_of(place), recording_of(place)
        if kind == "openpose" or recording in self._recordings:
            return recording or place
        if kind not in ("json", "csv"):
            return place
        try:
            with open_binary(place) as file:
                contents = contents_of(file.read(HEAD_BYTES), f".{kind}")
        except OSError:  # the probe says why
            return place
        if contents == "frame" and recording is not None:
            self._recordings.add(recording)
            return recording
        return None if contents is None else place
