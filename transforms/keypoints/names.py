"""What an input is by its name, and which files make up a recording or a sequence of pictures."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

from repscore.transforms.files import names_in

Kind = Literal["video", "images", "openpose", "npz", "parquet", "json", "csv", "stream"]

REVISION: Final = 2
"""Rises with every change that gives other poses for the same files of keypoints."""

IN_FOLDERS: Final = (".keypoints.npz", ".keypoints.parquet")
"""What counts as keypoints inside a folder; a file that is named outright is always taken."""

_JSON: Final = "_keypoints.json"
_AFTER: Final = r"(?P<after>[^0-9/%]*\.(?:json|(?i:jpe?g|png)))"
_FRAME: Final = re.compile(rf"(?P<before>.*?)(?P<number>[0-9]{{1,18}}){_AFTER}")
_RECORDING: Final = re.compile(rf"(?P<before>.*)%d{_AFTER}")
_PICTURES: Final = (".jpg", ".jpeg", ".png")
_CHUNK: Final = re.compile(r"(.+\.)([0-9]{1,18})(\.keypoints\.(?:npz|parquet))")
_PART: Final = re.compile(r"(.+%d.+)#([0-9]+)-([0-9]+)@(?:([0-9.]+)-([0-9.]*)|late)")

_SUFFIXES: Final[Mapping[str, Kind]] = {
    "npz": "npz",
    "parquet": "parquet",
    "json": "json",
    "csv": "csv",
}

END_MARK: Final = ".end"
"""What is appended to the name that the next chunk of a stream would have, in place of it."""


class StreamPart(NamedTuple):
    """A finite recording cut out of a stream: `STREAM#FIRST-LAST@START-END`.

    `stream` is the name of all its chunks, `%d` standing for their number; first and last are the
    numbers of those in the part. [start_s, end_s) is on the stream's own clock; nothing follows END
    where the part goes on to the end of its last chunk. `late` marks chunks that came too late for
    their recording.
    """

    stream: str
    first: int
    last: int
    start_s: float = 0.0
    end_s: float = math.inf
    late: bool = False

    @property
    def uri(self) -> str:
        """The name of the part as an input."""
        end = "" if math.isinf(self.end_s) else f"{self.end_s:.6f}".rstrip("0").rstrip(".")
        start = f"{self.start_s:.6f}".rstrip("0").rstrip(".")
        span = "late" if self.late else f"{start}-{end}"
        return f"{self.stream}#{self.first}-{self.last}@{span}"


def part_of(uri: str) -> StreamPart | None:
    """The part of a stream that a URI names; None for anything else."""
    found = _PART.fullmatch(uri) if "#" in uri else None
    if found is None:
        return None
    stream, first, last, start, end = found.groups()
    end_s = float(end) if end else math.inf
    return StreamPart(stream, int(first), int(last), float(start or 0), end_s, late=start is None)


def chunk_of(place: str) -> tuple[str, int] | None:
    """The stream and the number of a chunk (or end mark) by its name; None for any other file.

    `FOLDER/<name>.<number>.keypoints.npz` (or `.parquet`) belongs to the stream
    `FOLDER/<name>.%d.keypoints.npz`; a frame of OpenPose is a chunk of its recording.
    """
    folder, slash, name = place.removesuffix(END_MARK).rpartition("/")
    if (frame := _FRAME.fullmatch(name)) is not None and frame["after"] == _JSON:
        return f"{folder}{slash}{frame['before']}%d{_JSON}", int(frame["number"])
    if (chunk := _CHUNK.fullmatch(name)) is not None:
        return f"{folder}{slash}{chunk[1]}%d{chunk[3]}", int(chunk[2])
    return None


def chunk_files(part: StreamPart) -> list[tuple[int, str]]:
    """The chunks of a part that are there: (number, place) in order. Raises OSError."""
    folder, slash, _ = part.stream.rpartition("/")
    places = (f"{folder}{slash}{name}" for name in names_in(folder + slash))
    found = ((chunk_of(place), place) for place in places if not place.endswith(END_MARK))
    return sorted(
        (chunk[1], place)
        for chunk, place in found
        if chunk and chunk[0] == part.stream and part.first <= chunk[1] <= part.last
    )


def kind_of(uri: str) -> Kind:
    """What lies at a place: everything that is not known by its name is taken for a video."""
    name = uri.lower()
    if part_of(uri) is not None:
        return "stream"
    if name.endswith(_JSON) or is_recording(uri):
        return "images" if name.endswith(_PICTURES) else "openpose"
    suffix = name.rpartition(".")[2]
    return _SUFFIXES.get(suffix, "video")


def is_keypoints(uri: str) -> bool:
    """Whether a place holds keypoints by its name, and no pictures."""
    return kind_of(uri) not in ("video", "images")


def is_picture(uri: str) -> bool:
    """Whether a place is one of the numbered pictures of a sequence by its name."""
    return uri.lower().endswith(_PICTURES) and recording_of(uri) is not None


def recording_of(uri: str) -> str | None:
    """The recording that a JSON file or picture with a number in its name is of, else None.

    OpenPose writes `<name>_<12 digits>_keypoints.json`, Pose2Sim `<name>.<number>.json`. The
    recording is called after all its files, `%d` standing for the number of the frame:
    `FOLDER/<name>_%d_keypoints.json`, or `FOLDER/<name>_%d.jpg`.
    """
    if not uri.lower().endswith((".json", *_PICTURES)):  # as most: listings are long
        return None
    folder, slash, name = uri.rpartition("/")
    found = _FRAME.fullmatch(name)
    return None if found is None else f"{folder}{slash}{found['before']}%d{found['after']}"


def is_recording(uri: str) -> bool:
    """Whether a place is the name of a recording, and no file."""
    return "%d" in uri and _RECORDING.fullmatch(uri) is not None


def frames_among(names: Iterable[str], recording: str) -> list[tuple[int, str]]:
    """The frames of a recording among the names in its folder: (number, name) in order."""
    parts = _RECORDING.fullmatch(recording.rpartition("/")[2])
    if parts is None:
        return []
    before, after = parts.groups()
    found = (_FRAME.fullmatch(name) for name in names if name.startswith(before))
    return sorted(
        (int(match["number"]), match.string)
        for match in found
        if match is not None and (match["before"], match["after"]) == (before, after)
    )


def frame_files(recording: str) -> list[tuple[int, str]]:
    """The frames of a recording: (number, place) in order. Raises OSError."""
    folder, slash, _ = recording.rpartition("/")
    found = frames_among(names_in(folder + slash), recording)
    return [(number, f"{folder}{slash}{name}") for number, name in found]
