"""Say what a video is, or why it is none, without decoding more than its first frame."""

import math
import re
import struct
from datetime import UTC, datetime, timedelta
from typing import IO, Final

import cv2

from repscore.transforms.files import VideoFile, open_binary, size_bytes
from repscore.transforms.inputs import HEAD_BYTES, NotAVideo, ProbeError, head_of
from repscore.transforms.records import Probe

_MOOV_BYTES = 1 << 26
_EPOCH: Final = datetime(1904, 1, 1, tzinfo=UTC)
_CAMERAS: Final = datetime(1990, 1, 1, tzinfo=UTC)
_MP4_TYPES: Final = frozenset(
    (b"ftyp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"styp", b"sidx", b"uuid")
)
_AUDIO_SIGNATURES: Final = (b"ID3", b"OggS", b"fLaC", b"\xff\xfb", b"\xff\xf1", b"#!AMR")


class AudioOnly(ProbeError):
    """The file holds sound and no video stream."""


class IncompleteVideo(ProbeError):
    """The file was cut off before its index, so that nothing of it can be decoded."""


class NoDecodableFrame(ProbeError):
    """The file announces a video stream of which no frame can be decoded."""


def probe(uri: str) -> Probe:
    """Size, rate and announced length of a video, upright; raises a ProbeError that says why not.

    Raises OSError where a remote file cannot be read, which may pass.
    """
    _refuse_other_content(uri)
    with VideoFile(uri, cv2.CAP_PROP_N_THREADS, 1) as video:
        capture = video.capture
        if not capture.isOpened():
            video.check()
            raise _diagnosis(uri)
        fps = _finite(capture.get(cv2.CAP_PROP_FPS))
        frames = int(_finite(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        # Both are announced after rotation: OpenCV turns frames upright by itself.
        width_px = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        height_px = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        rotation_deg = int(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360
        codec = _codec(int(capture.get(cv2.CAP_PROP_FOURCC)))
        if not capture.grab() or width_px <= 0 or height_px <= 0:
            video.check()
            raise NoDecodableFrame(
                f"{uri}: announces {codec or 'video'} of {width_px}x{height_px} pixels, but no "
                "frame of it can be decoded: the file is damaged; obtain it again"
            )
    duration_s = frames / fps if fps > 0 else 0.0
    return Probe(
        width_px=width_px,
        height_px=height_px,
        fps=fps,
        frames=frames,
        duration_s=duration_s,
        rotation_deg=rotation_deg,
        codec=codec,
        recorded_at=recorded_at(uri),
    )


def recorded_at(uri: str) -> datetime | None:
    """When an MP4 or MOV file says that it was made, UTC; None where nothing says so.

    Reads the movie header (ISO/IEC 14496-12, 8.2.2), whose clock counts from 1904; cameras that
    do not know the time write zero, or a date before there were any.
    """
    size = size_bytes(uri)
    with open_binary(uri) as file:
        position = 0
        while position < size and (box := _box(file, position)) and box[2] > position:
            kind, start, position = box
            if not kind.isascii():
                return None
            if kind == b"moov":
                file.seek(start)
                return _creation(file.read(HEAD_BYTES))
    return None


def _creation(moov: bytes) -> datetime | None:
    at = moov.find(b"mvhd") + 4
    if at < 4 or len(moov) < at + 12:
        return None
    (seconds,) = struct.unpack_from(">Q" if moov[at] == 1 else ">I", moov, at + 4)
    latest = _CAMERAS.replace(year=2200)
    made_at = _EPOCH + timedelta(seconds=min(seconds, (latest - _EPOCH).total_seconds()))
    return made_at if _CAMERAS < made_at < latest else None


def truncation(uri: str) -> str | None:
    """Where an MP4 or MOV file was cut off: `ends at byte N of M`; None if whole or another format.

    Reads the headers of the top-level boxes alone (ISO/IEC 14496-12, 4.2).
    """
    size = size_bytes(uri)
    with open_binary(uri) as file:
        position, first = 0, True
        while position < size:
            box = _box(file, position)
            if box is None:
                return None if first else f"ends at byte {size} in the middle of a box header"
            kind, _, end = box
            if (first and kind not in _MP4_TYPES) or not kind.isascii() or end == position:
                return None
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
    """The error for a file with content in which FFmpeg finds no video stream."""
    cut = truncation(uri)
    size = size_bytes(uri)
    with open_binary(uri) as file:
        head = file.read(16)
        kinds = []
        position = 0
        while position < size and (box := _box(file, position)) and box[2] > position:
            kinds.append(box[0])
            if box[0] == b"moov":
                file.seek(box[1])
                handlers = _handlers(file.read(min(box[2] - box[1], _MOOV_BYTES)))
                if handlers and b"vide" not in handlers:
                    return AudioOnly(f"{uri}: holds no video stream, only {_named(handlers)}")
            position = box[2]
    if head.startswith(_AUDIO_SIGNATURES) or (head[:4] == b"RIFF" and head[8:12] == b"WAVE"):
        return AudioOnly(f"{uri}: a sound file, it holds no video stream")
    if kinds and kinds[0] in _MP4_TYPES and b"moov" not in kinds:
        return IncompleteVideo(
            f"{uri}: an MP4 or MOV file without its index (`moov` box): the recording or the "
            f"transfer was cut off{f' ({cut})' if cut else ''}; obtain it again"
        )
    return NotAVideo(
        f"{uri}: expected a video, found no video stream that FFmpeg can read "
        f"(the file begins with {head[:8]!r}{f' and {cut}' if cut else ''})"
    )


def _handlers(moov: bytes) -> set[bytes]:
    """The handler types of the tracks in a `moov` box: `vide`, `soun`, ..."""
    return set(re.findall(rb"hdlr.{8}(vide|soun|text|sbtl|subt|tmcd|meta)", moov, re.DOTALL))


def _named(handlers: set[bytes]) -> str:
    return "sound" if b"soun" in handlers else ", ".join(sorted(map(bytes.decode, handlers)))


def _codec(fourcc: int) -> str:
    """A four-character code as lower-case text."""
    code = fourcc.to_bytes(4, "little", signed=fourcc < 0).decode("latin-1")
    return "".join(character for character in code if character.isalnum()).lower()


def _finite(value: float) -> float:
    """A value of OpenCV; 0 where it does not know, which it says as NaN or a negative number."""
    return value if math.isfinite(value) and value > 0 else 0.0
