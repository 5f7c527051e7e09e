import io
import os
import struct
import tempfile
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import cv2
import fsspec
import numpy as np
import pytest
from videos import plain

from repscore.transforms.inputs import (
    EmptyInput,
    InputForbidden,
    InputMissing,
    LfsPointer,
    NotAVideo,
    ProbeError,
)
from repscore.transforms.plan import probe as probing
from repscore.transforms.plan.probe import (
    AudioOnly,
    IncompleteVideo,
    NoDecodableFrame,
    TooLarge,
    probe,
    truncation,
)
from repscore.transforms.pose.decode import Decoder
from repscore.transforms.video import container


def box(kind: bytes, content: bytes = b"") -> bytes:
    """A box of an MP4 file: its length, its type, its content."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


def wave_file() -> bytes:
    """A tenth of a second of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(1600))
    return file.getvalue()


FTYP = box(b"ftyp", b"isom\0\0\0\0isom")


def test_a_video_as_it_is_announced(tmp_path: Path) -> None:
    found, keyframes_s = probe(str(plain(tmp_path / "a.mp4", frames=20, fps=10)))
    assert (found.width_px, found.height_px) == (64, 48)
    assert (found.fps, found.frames, found.duration_s) == (10, 20, 2.0)
    assert (found.rotation_deg, found.codec) == (0, "mpeg4")
    # The encoder sets a keyframe every 12 frames where nothing moves.
    assert keyframes_s == pytest.approx([0.0, 1.2])


def test_a_remote_video_is_the_same(tmp_path: Path) -> None:
    path = plain(tmp_path / "a.mp4")
    fsspec.filesystem("memory").pipe("/probe/a.mp4", path.read_bytes())
    assert probe("memory://probe/a.mp4") == probe(str(path))


def test_a_rotated_video_is_announced_upright(tmp_path: Path) -> None:
    path = plain(tmp_path / "a.mp4")
    content = bytearray(path.read_bytes())
    # The matrix of the track header (ISO/IEC 14496-12, 8.3.2): a quarter turn to the right.
    matrix = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    start = content.index(b"tkhd") + 44
    content[start : start + 36] = matrix
    path.write_bytes(content)
    found, _ = probe(str(path))
    assert (found.width_px, found.height_px, found.rotation_deg) == (48, 64, 90)


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (b"", EmptyInput, "empty"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\n",
            LfsPointer,
            "git lfs pull",
        ),
        (b"just some words", NotAVideo, "text that begins with 'just some words'"),
        ("prøve\n".encode() * 2000, NotAVideo, "text"),
        (b"\n<!DOCTYPE html><html></html>", NotAVideo, "a web page"),
        (b"#EXTM3U\n#EXTINF:9,\nsecret.ts\n", NotAVideo, "text that begins with '#EXTM3U'"),
        (bytes(range(256)) * 4, NotAVideo, "no video stream that FFmpeg can read"),
        (wave_file(), AudioOnly, "only audio pcm_s16le"),
        (FTYP + box(b"mdat", bytes(range(256))), IncompleteVideo, "without its index"),
        (FTYP + box(b"mdat", bytes(99))[:50], IncompleteVideo, "ends at byte 70 of 127"),
    ],
)
def test_what_is_not_a_video_is_named(
    tmp_path: Path, content: bytes, error: type[ProbeError], says: str
) -> None:
    path = tmp_path / "odd name & ünïcode <b>.mp4"
    path.write_bytes(content)
    with pytest.raises(error) as raised:
        probe(str(path))
    assert str(path) in str(raised.value)
    assert says in str(raised.value)


def test_a_video_stream_without_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    content = bytearray(path.read_bytes())
    start = content.index(b"\xff\xd8")
    content[start:] = bytes(len(content) - start)
    path.write_bytes(content)
    with pytest.raises(NoDecodableFrame, match="64x48 pixels, but no picture"):
        probe(str(path))


def test_pictures_of_absurd_size_are_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(plain(tmp_path / "large.mp4"))
    probed, _ = probe(path)
    pixels = (probed.width_px or 0) * (probed.height_px or 0)
    monkeypatch.setattr(container, "MOST_PIXELS", pixels - 1)
    monkeypatch.setattr(probing, "MOST_PIXELS", pixels - 1)
    with pytest.raises(TooLarge, match=r"large\.mp4: its .* pictures have more than .* pixels"):
        probe(path)
    with Decoder(path) as decoder:
        assert list(decoder) == []
    assert "20 could not be decoded" in str(decoder.shortfall)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for uri in (str(tmp_path / "no.mp4"), "memory://probe/no.mp4"):
        with pytest.raises(InputMissing, match=r"no\.mp4: no such file"):
            probe(uri)
    with pytest.raises(NotAVideo, match="found a folder"):
        probe(str(tmp_path))


def test_a_file_that_may_not_be_read() -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        path = plain(Path(place, "a.mp4"))
        path.chmod(0)
        with not_root(), pytest.raises(InputForbidden, match="permission denied"):
            probe(str(path))


@contextmanager
def not_root() -> Iterator[None]:
    """Root, who may read everything, becomes nobody for a while."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_permission_denied_by_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(uri: str) -> None:
        raise PermissionError(uri)

    monkeypatch.setattr("repscore.transforms.inputs.open_binary", refuse)
    with pytest.raises(InputForbidden, match="permission denied"):
        probe("store://a.mp4")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (FTYP + box(b"mdat", bytes(100)), None),
        (FTYP + box(b"mdat", bytes(100))[:-1], "ends at byte 127 of 128, within its `mdat` box"),
        (FTYP + box(b"moov") + b"\0\0\0", "ends at byte 31 in the middle of a box header"),
        # Length 0: up to the end of the file. Length 1: the length follows in 64 bits.
        (FTYP + struct.pack(">I4s", 0, b"mdat") + bytes(10), None),
        (FTYP + struct.pack(">I4sQ", 1, b"mdat", 16 + 10) + bytes(10), None),
        (
            FTYP + struct.pack(">I4sQ", 1, b"mdat", 5 << 30) + bytes(10),
            f"ends at byte 46 of {20 + (5 << 30)}, within its `mdat` box",
        ),
        (b"RIFF\xff\xff\xff\x7fAVI LIST" + bytes(50), None),
        (b"", None),
    ],
)
def test_where_a_file_was_cut_off(tmp_path: Path, content: bytes, expected: str | None) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    assert truncation(str(path)) == expected


def test_the_hard_inputs(shared_data: Path) -> None:
    def outcome(path: Path) -> str | tuple[int, int, int]:
        try:
            found, _ = probe(str(path))
        except ProbeError as error:
            return type(error).__name__
        return found.width_px, found.height_px, found.frames

    found = {path.name: outcome(path) for path in (shared_data / "hard_inputs").iterdir()}
    assert found == {
        "audio_only.mp4": "AudioOnly",
        "empty.mp4": "EmptyInput",
        "lfs_pointer.mp4": "LfsPointer",
        "text_named.mp4": "NotAVideo",
        "mjpeg_in_avi.avi": (320, 180, 143),
        "name with spaces & ünïcode <b>.mp4": (522, 294, 67),
        "no_person.mp4": (320, 240, 100),
        "rotated_90_metadata.mp4": (294, 522, 67),
        "single_frame.mp4": (1280, 720, 1),
        "truncated.mp4": (1280, 720, 990),
        "truncated_fragmented.mp4": (1280, 720, 128),
        "variable_frame_rate.mp4": (480, 270, 222),
        "vp9_in_webm.webm": (480, 270, 143),
    }


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(3_600_000_000, datetime(2018, 1, 28, 16, tzinfo=UTC)), (0, None)],
    ids=["set", "never set"],
)
def test_a_camera_says_when_it_began(
    tmp_path: Path, seconds: int, expected: datetime | None
) -> None:
    """1904 and 3.6e9 seconds are the afternoon of 28 January 2018."""
    path = plain(tmp_path / "a.mp4")
    content = bytearray(path.read_bytes())
    struct.pack_into(">I", content, content.index(b"mvhd") + 8, seconds)
    path.write_bytes(content)
    assert probe(str(path))[0].recorded_at == expected
