"""Say what a video is, or why it is none, without decoding more than its first picture."""

import re
import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import IO, Final

from repscore.transforms.files import open_binary, size_bytes
from repscore.transforms.inputs import HEAD_BYTES, NotAVideo, ProbeError, head_of
from repscore.transforms.records import Probe
from repscore.transforms.video.container import (
    MOST_PIXELS,
    Container,
    ContainerError,
    frames_of,
    scan,
)
from repscore.transforms.video.picture import Picture, matrix_of, rotation_deg

_CAMERAS: Final = datetime(1990, 1, 1, tzinfo=UTC)
"""Cameras that do not know the time write zero, or a date before there were any."""
_MP4_TYPES: Final = frozenset(
    (b"ftyp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"styp", b"sidx", b"uuid")
)


class AudioOnly(ProbeError):
    """The file holds sound and no video stream."""


class IncompleteVideo(ProbeError):
    """The file was cut off before its index, so that nothing of it can be decoded."""


class NoDecodableFrame(ProbeError):
    """The file holds a video stream of which no picture can be decoded."""


class TooLarge(ProbeError):
    """The pictures are larger than is decoded."""


class NoDecoder(ProbeError):
    """The file is whole, but its codec is not known here."""


def probe(uri: str, fps: float | None = None) -> tuple[Probe, Sequence[float]]:
    """What a video is, and the times of its keyframes in seconds; a ProbeError says why it is none.

    Args:
        fps: rate of a stream without time stamps; None takes the nominal one.

    Raises OSError where a remote file cannot be read, which may pass.
    """
    _refuse_other_content(uri)
    try:
        with Container(uri) as container:
            return _probe(container, fps)
    except ContainerError as error:
        raise _diagnosis(uri) from error


def _probe(container: Container, fps: float | None) -> tuple[Probe, Sequence[float]]:
    uri, stream = container.uri, container.stream
    if stream is None:
        others = ", ".join(container.others) or "nothing"
        raise AudioOnly(f"{uri}: holds no video stream, only {others}")
    context = stream.codec_context
    if context is None or context.codec is None:
        raise NoDecoder(
            f"{uri}: no decoder for its codec; convert it: `ffmpeg -i IN -c:v libx264 OUT.mp4`"
        )
    codec = context.codec.canonical_name
    first = next(
        (frame for coded in container.coded_pictures() for frame in frames_of(coded, stream)), None
    ) or next(iter(frames_of(None, stream)), None)
    if first is None and (context.width == 0 or context.width * context.height > MOST_PIXELS):
        raise TooLarge(
            f"{uri}: its {codec} pictures have more than {MOST_PIXELS:,} pixels, or no size at "
            "all; make them smaller: `ffmpeg -i IN -vf scale=1920:-2 OUT.mp4`"
        )
    if first is None:
        raise NoDecodableFrame(
            f"{uri}: holds {codec} of {context.width}x{context.height} pixels, but no picture of "
            "it can be decoded: the file is damaged; obtain it again"
        )
    height_px, width_px = Picture(stream).bgr(first).shape[:2]
    notes = [f"left aside: {other}" for other in container.others if other.startswith("video")]
    with Container(uri) as again:  # from its beginning
        scanned = scan(again, fps)
    if scanned.left_out:
        notes.append(f"{scanned.left_out} pictures left out by the edit list")
    return Probe(
        width_px=width_px,
        height_px=height_px,
        fps=1 / container.picture_s,
        frames=scanned.pictures,
        duration_s=scanned.duration_s,
        rotation_deg=rotation_deg(matrix_of(first)),
        codec=codec,
        recorded_at=_recorded_at(container),
        clocks=scanned.clocks,
        notes=tuple(notes),
    ), scanned.keyframes_s


def _recorded_at(container: Container) -> datetime | None:
    """When the container says that it was made, UTC."""
    try:
        made_at = datetime.fromisoformat(container.metadata["creation_time"])
    except (KeyError, ValueError):
        return None
    made_at = made_at.replace(tzinfo=UTC) if made_at.tzinfo is None else made_at.astimezone(UTC)
    return made_at if _CAMERAS < made_at < _CAMERAS.replace(year=2200) else None


def truncation(uri: str) -> str | None:
    """Where an MP4 or MOV file was cut off: `ends at byte N of M`; None if whole or another format.

    Reads the headers of the top-level boxes alone (ISO/IEC 14496-12, 4.2). Of a file in fragments
    it says where they break off; behind a whole film anything may follow.
    """
    size = size_bytes(uri)
    with open_binary(uri) as file:
        position, first, fragmented = 0, True, False
        while position < size:
            box = _box(file, position)
            if box is None:
                return None if first else f"ends at byte {size} in the middle of a box header"
            kind, _, end = box
            if first and kind not in _MP4_TYPES:
                return None
            if not re.fullmatch(rb"[ -~\xa9]{4}", kind) or end == position:
                return f"has no box at byte {position}" if fragmented else None
            fragmented |= kind == b"moof"
            if end > size:
                name = kind.decode("ascii", "replace")
                return f"ends at byte {size} of {end}, within its `{name}` box"
            position, first = end, False
    return None


def _box(file: IO[bytes], position: int) -> tuple[bytes, int, int] | None:
    """Type, start of the content and end of the box at `position`; None where its header is cut."""
    file.seek(position)
    header = file.read(16)
    if len(header) < 8:
        return None
    length, kind = struct.unpack_from(">I4s", header)
    if length == 0:  # up to the end of the file
        return kind, position + 8, file.seek(0, 2)
    if length != 1:
        return kind, position + 8, position + length
    if len(header) < 16:
        return None
    return kind, position + 16, position + struct.unpack_from(">Q", header, 8)[0]


def _refuse_other_content(uri: str) -> None:
    """Raise the error for what is known not to be a video before FFmpeg sees it.

    FFmpeg takes some text files for play lists and opens the addresses in them.
    """
    head = head_of(uri)
    if _is_text(head):
        page = re.match(rb"\s*<(!doctype html|html|\?xml)", head, re.IGNORECASE)
        kind = "a web page or XML" if page else "text"
        quoted = head[:40].decode(errors="replace").splitlines()[0]
        raise NotAVideo(f"{uri}: expected a video, found {kind} that begins with {quoted!r}")


def _is_text(head: bytes) -> bool:
    """Whether these bytes read as text; a character that is cut at the end is no obstacle."""
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if len(head) - error.start > 3 or len(head) < HEAD_BYTES:
            return False
        text = head[: error.start].decode()
    return all(character.isprintable() or character in "\t\r\n\f\ufeff" for character in text)


def _diagnosis(uri: str) -> ProbeError:
    """The error for a file that FFmpeg cannot open."""
    cut = truncation(uri)
    size, kinds, position = size_bytes(uri), list[bytes](), 0
    with open_binary(uri) as file:
        head = file.read(16)
        while position < size and (box := _box(file, position)) and box[2] > position:
            kinds.append(box[0])
            position = box[2]
    if kinds and kinds[0] in _MP4_TYPES and b"moov" not in kinds:
        return IncompleteVideo(
            f"{uri}: an MP4 or MOV file without its index (`moov` box): the recording or the "
            f"transfer was cut off{f' ({cut})' if cut else ''}; obtain it again"
        )
    return NotAVideo(
        f"{uri}: expected a video, found no video stream that FFmpeg can read "
        f"(the file begins with {head[:8]!r}{f' and {cut}' if cut else ''})"
    )
