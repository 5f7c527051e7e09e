"""Videos here show the number of each frame in their pixels: 8 bars, black 0 and white 1."""

import functools
import io
import itertools
import math
import shutil
import struct
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import fsspec
import numpy as np
import pytest
from field_videos import joined, with_noise, write
from hypothesis import example, given, settings
from hypothesis import strategies as st

from repscore.transforms import files
from repscore.transforms.pose.decode import Decoder
from repscore.transforms.video import container

WIDTH_PX, HEIGHT_PX = 64, 48


def numbered(path: Path, codec: str = "mp4v", frames: int = 100, fps: float = 25.0) -> Path:
    """Frame i lies at i / fps and shows i; a keyframe every 12 frames or more often."""
    code = cv2.VideoWriter.fourcc(*codec)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, fps, (WIDTH_PX, HEIGHT_PX))
    assert writer.isOpened()
    for i in range(frames):
        bars = np.repeat([255 * (i >> bit & 1) for bit in range(8)], WIDTH_PX // 8)
        writer.write(np.broadcast_to(bars[None, :, None], (HEIGHT_PX, WIDTH_PX, 3)).astype("uint8"))
    writer.release()
    return path


def number(bgr: np.ndarray) -> int:
    bars = bgr[HEIGHT_PX // 2, 4::8, 0] > 127
    return sum(int(bar) << bit for bit, bar in enumerate(bars))


def with_frame_lasting(path: Path, runs: list[tuple[int, float]]) -> Path:
    """Rewrite an MP4 so that `count` frames last `seconds` each, run after run (box `stts`)."""
    content = path.read_bytes()
    (scale,) = struct.unpack_from(">I", content, content.index(b"mdhd") + 16)
    start = content.index(b"stts") - 4
    (length,) = struct.unpack_from(">I", content, start)
    entries = [struct.pack(">II", count, round(seconds * scale)) for count, seconds in runs]
    box = struct.pack(">I4sII", 16 + 8 * len(runs), b"stts", 0, len(runs)) + b"".join(entries)
    grown = len(box) - length
    result = bytearray(content[:start] + box + content[start + length :])
    for parent in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        position = content.index(parent) - 4
        (size,) = struct.unpack_from(">I", content, position)
        struct.pack_into(">I", result, position, size + grown)
    edit = result.index(b"edts")
    result[edit : edit + 4] = b"free"  # the edit list still ends at the old duration
    path.write_bytes(result)
    return path


@functools.cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="repscore-test-decode-"))


@pytest.fixture(scope="module", autouse=True)
def _clean_up() -> Iterator[None]:
    yield
    shutil.rmtree(_folder())


@functools.cache
def video(kind: str) -> Path:
    """A video of 100 frames: steady (25 per second), still frames only, or with a varying rate."""
    if kind == "still":
        return numbered(_folder() / "still.avi", "MJPG")
    steady = numbered(_folder() / f"{kind}.mp4")
    if kind == "slow_then_fast":  # 20 s for 20 frames, then 80 frames in 1.6 s
        return with_frame_lasting(steady, [(20, 1.0), (80, 0.02)])
    if kind == "fast_then_slow":
        return with_frame_lasting(steady, [(80, 0.02), (20, 1.0)])
    return steady


def decoded(uri: str | Path, *span: float, **options: float) -> list[tuple[float, int, bool]]:
    with Decoder(str(uri), *span, **options) as decoder:
        return [(frame.time_s, number(frame.bgr), frame.warm_up) for frame in decoder]


def test_every_frame_with_its_time() -> None:
    got = decoded(video("steady"))
    assert [shown for _, shown, _ in got] == list(range(100))
    assert [time_s for time_s, _, _ in got] == pytest.approx([i / 25 for i in range(100)])


def test_times_come_from_the_container() -> None:
    times = [time_s for time_s, _, _ in decoded(video("slow_then_fast"))]
    assert times[:21] == pytest.approx(list(range(21)))
    assert times[21:24] == pytest.approx([20.02, 20.04, 20.06])


def test_sampling_takes_the_first_frame_of_every_tick() -> None:
    # At 25 frames per second, the first at or after 0, 0.1, 0.2, 0.3, 0.4 s are 0, 3, 5, 8, 10.
    got = decoded(video("steady"), sample_fps=10)
    assert [shown for _, shown, _ in got][:6] == [0, 3, 5, 8, 10, 13]
    # A frame a second is less than two a second are asked for: each is taken, none twice.
    slow = decoded(video("slow_then_fast"), 0, 20, sample_fps=2)
    assert [shown for _, shown, _ in slow] == list(range(20))


def test_blue_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "red.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    writer.write(np.full((48, 64, 3), (0, 0, 255), np.uint8))
    writer.release()
    with Decoder(str(path)) as decoder:
        (frame,) = decoder
    blue, green, red = frame.bgr.reshape(-1, 3).mean(axis=0)
    assert red > 200
    assert max(green, blue) < 50


def test_a_span_is_half_open_and_warm_up_lies_before_it() -> None:
    got = decoded(video("steady"), 2.0, 3.0, sample_fps=5, warm_up_s=0.5)
    # The first frames at or after 1.6, 1.8, 2.0, ..., 2.8 s; 3.0 s belongs to the next span.
    assert [shown for _, shown, _ in got] == [40, 45, 50, 55, 60, 65, 70]
    assert [warm_up for _, _, warm_up in got] == [True, True] + [False] * 5


@settings(max_examples=25, deadline=None)
@given(
    kind=st.sampled_from(["steady", "still", "slow_then_fast", "fast_then_slow"]),
    cuts=st.lists(st.floats(0.01, 24), max_size=3, unique=True).map(sorted),
    sample_fps=st.sampled_from([None, 15.0, 7.0]),
    warm_up_s=st.sampled_from([0.0, 1.0]),
)
def test_spans_of_any_cuts_add_up_to_one_pass(
    kind: str, cuts: list[float], sample_fps: float | None, warm_up_s: float
) -> None:
    whole = decoded(video(kind), sample_fps=sample_fps)
    edges = [0.0, *cuts, math.inf]
    parts = []
    for start_s, end_s in itertools.pairwise(edges):
        part = decoded(video(kind), start_s, end_s, sample_fps=sample_fps, warm_up_s=warm_up_s)
        warm = [(time_s, shown) for time_s, shown, warm_up in part if warm_up]
        assert warm == [
            (time_s, shown) for time_s, shown, _ in whole if start_s - warm_up_s <= time_s < start_s
        ]
        parts += [frame for frame in part if not frame[2]]
    assert parts == whole


@functools.cache
def faulty(kind: str) -> Path:
    """A video of 120 frames, 30 a second, whose file has a fault."""
    path = _folder() / f"faulty_{kind}"
    bars = [
        np.repeat([255 * (i >> bit & 1) for bit in range(8)], WIDTH_PX // 8) for i in range(120)
    ]
    shape = HEIGHT_PX, WIDTH_PX, 3
    pictures = [np.broadcast_to(b[None, :, None], shape).astype("uint8") for b in bars]
    ts = {"format": "mpegts"}
    if kind == "noise.mp4":
        return with_noise(Path(str(write(path, pictures))), [0.3, 0.6], 0.03)
    if kind == "noise.ts":
        return with_noise(Path(str(write(path, pictures, **ts))), [0.2, 0.5, 0.8], 0.02)
    if kind == "offset.ts":
        write(path, pictures, start_s=3600.0, **ts)
    if kind in ("back.ts", "leap.ts"):
        start_s = 5000.0 if kind == "leap.ts" else 0.0
        parts = path.with_suffix(".1"), path.with_suffix(".2")
        write(parts[0], pictures[:70], **ts)
        write(parts[1], pictures[70:], start_s=start_s, **ts)
        joined(path, parts)
    if kind == "steps_back.ts":
        write_stepping_back(path, pictures, at=50, by=12)
    return path


def write_stepping_back(path: Path, pictures: list[np.ndarray], at: int, by: int) -> None:
    """From picture `at` on, within a group of pictures, the clock is `by` pictures back."""
    with av.open(io.BytesIO(), "w", format="mpegts") as other:
        encoder: Any = other.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        encoder.height, encoder.width = pictures[0].shape[:2]
        encoder.pix_fmt = "yuv420p"
        packets = []
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            packets += encoder.encode(frame)
        packets += encoder.encode(None)
        parts = [path.with_suffix(".1"), path.with_suffix(".2")]
        for part, some in zip(parts, (packets[:at], packets[at:]), strict=True):
            with av.open(str(part), "w", format="mpegts") as out:
                stream = out.add_stream_from_template(encoder)
                for packet in some:
                    packet.pts, packet.dts = (
                        t - by * (part != parts[0]) for t in (packet.pts, packet.dts)
                    )
                    packet.stream = stream
                    out.mux(packet)
    joined(path, parts)


FAULTY = {
    "noise.mp4": "could not be decoded",
    "noise.ts": "others are missing near damage",
    "offset.ts": None,
    "back.ts": None,
    "leap.ts": None,
    "steps_back.ts": "their time stamps step back",
}


@pytest.mark.parametrize("kind", FAULTY)
def test_a_fault_is_said(kind: str) -> None:
    with Decoder(str(faulty(kind))) as decoder:
        times = [frame.time_s for frame in decoder]
    said = FAULTY[kind]
    assert all(np.diff(times) > 0)
    assert (decoder.clock_jumps is not None) == (kind in ("back.ts", "leap.ts"))
    if said is None:
        assert decoder.shortfall is None
        assert (decoder.held, decoder.decoded, len(times)) == (120, 120, 120)
        assert times == pytest.approx(np.arange(120) / 30, abs=1e-4)
    else:
        assert said in str(decoder.shortfall)
        assert len(times) < 120


@settings(max_examples=25, deadline=None)
@example(kind="steps_back.ts", cuts=[1.5], sample_fps=None)
@given(
    kind=st.sampled_from(sorted(FAULTY)),
    cuts=st.lists(st.floats(0.01, 4.5), max_size=3, unique=True).map(sorted),
    sample_fps=st.sampled_from([None, 15.0, 7.0]),
)
def test_spans_of_a_faulty_file_add_up_to_one_pass(
    kind: str, cuts: list[float], sample_fps: float | None
) -> None:
    path = str(faulty(kind))
    with Decoder(path, sample_fps=sample_fps) as one:
        whole = [frame.time_s for frame in one]
    parts: list[float] = []
    held = decoded_ = 0
    said: list[str | None] = []
    for start_s, end_s in itertools.pairwise([0.0, *cuts, math.inf]):
        with Decoder(path, start_s, end_s, sample_fps=sample_fps, warm_up_s=0.5) as decoder:
            parts += [frame.time_s for frame in decoder if not frame.warm_up]
        held += decoder.held
        decoded_ += decoder.decoded
        said.append(decoder.shortfall)
    assert parts == whole
    assert (held, decoded_) == (one.held, one.decoded)
    assert any(said) == (one.shortfall is not None)


def test_the_pixels_do_not_depend_on_the_cut() -> None:
    path = str(video("steady"))
    with Decoder(path) as decoder:
        whole = {frame.time_s: frame.bgr for frame in decoder}
    with Decoder(path, 1.7) as decoder:
        part = {frame.time_s: frame.bgr for frame in decoder}
    assert len(part) == 100 - 43
    assert all(np.array_equal(bgr, whole[time_s]) for time_s, bgr in part.items())


def test_a_late_span_does_not_decode_what_lies_before() -> None:
    with Decoder(str(video("still")), 3.5) as decoder:
        assert len(list(decoder)) == 12
    assert decoder.grabbed < 40


def test_a_whole_file_has_no_shortfall() -> None:
    with Decoder(str(video("steady"))) as decoder:
        list(decoder)
    assert decoder.shortfall is None
    assert (decoder.held, decoder.decoded, decoder.grabbed) == (100, 100, 100)
    assert decoder.last_time_s == pytest.approx(3.96)


def moov_first(path: Path) -> bytes:
    """The MP4 with its index before its data, as it is prepared for the network."""
    content = path.read_bytes()
    moov_at, mdat_at = content.index(b"moov") - 4, content.index(b"mdat") - 4
    (moov_length,) = struct.unpack_from(">I", content, moov_at)
    moov = bytearray(content[moov_at : moov_at + moov_length])
    table = moov.index(b"stco")
    (count,) = struct.unpack_from(">I", moov, table + 8)
    for i in range(count):
        (offset,) = struct.unpack_from(">I", moov, table + 12 + 4 * i)
        struct.pack_into(">I", moov, table + 12 + 4 * i, offset + moov_length)
    return content[:mdat_at] + bytes(moov) + content[mdat_at:moov_at]


def test_a_cut_off_file_gives_what_it_holds_and_says_what_is_missing(tmp_path: Path) -> None:
    content = moov_first(video("steady"))
    path = tmp_path / "cut.mp4"
    path.write_bytes(content)
    assert [shown for _, shown, _ in decoded(path)] == list(range(100))  # the fixture is sound
    kept = content.index(b"mdat") + (len(content) - content.index(b"mdat")) // 2
    path.write_bytes(content[:kept])
    with Decoder(str(path)) as decoder:
        shown = [number(frame.bgr) for frame in decoder]
    assert shown[:-1] == list(range(len(shown) - 1))  # of the last frame only a part is there
    assert 30 < len(shown) < 70
    assert (decoder.held, decoder.decoded) == (100, len(shown))
    assert decoder.shortfall is not None
    lost = f"of 100 pictures of this segment {100 - len(shown)} could not be decoded"
    assert f"{lost}, 1 hold damage: {len(shown) / 25 - 0.04:.2f} to 4.00 s" in decoder.shortfall
    assert f"ends at byte {kept} of {len(content)}" in decoder.shortfall
    with Decoder(str(path), 0, 0.5) as first:
        assert len(list(first)) == 13
    assert first.shortfall is None, "what this span covers is there"


def test_a_remote_file_gives_the_same_frames() -> None:
    fsspec.filesystem("memory").pipe("/decode/steady.mp4", video("steady").read_bytes())
    url = "memory://decode/steady.mp4"
    assert decoded(url, 1.0, 2.5, sample_fps=15) == decoded(
        video("steady"), 1.0, 2.5, sample_fps=15
    )


class Breaking(io.BytesIO):
    """A connection that is lost after 20 reads."""

    reads = 0

    def readinto(self, buffer: memoryview) -> int:
        self.reads += 1
        if self.reads > 20:
            raise ConnectionError("lost")
        return super().readinto(buffer)


def test_a_lost_connection_is_an_error_and_not_the_end_of_the_video(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = video("still").read_bytes()
    monkeypatch.setattr(files, "_BUFFER_BYTES", 4096)
    monkeypatch.setattr(container, "_BUFFER_BYTES", 4096)
    monkeypatch.setattr(files, "_open_remote", lambda uri: Breaking(content))
    with (
        pytest.raises(OSError, match=r"store://still\.avi: reading failed: lost"),
        Decoder("store://still.avi") as decoder,
    ):
        list(decoder)


@pytest.mark.parametrize(
    "name",
    [
        "variable_frame_rate.mp4",
        "vp9_in_webm.webm",
        "mjpeg_in_avi.avi",
        "truncated.mp4",
        "truncated_fragmented.mp4",
        "rotated_90_metadata.mp4",
    ],
)
def test_real_files_cut_anywhere(shared_data: Path, name: str) -> None:
    path = str(shared_data / "hard_inputs" / name)

    def frames(*span: float) -> list[tuple[float, bytes]]:
        with Decoder(path, *span, sample_fps=15.0) as decoder:
            return [(frame.time_s, frame.bgr[::8, ::8].tobytes()) for frame in decoder]

    assert frames(0, 1.03) + frames(1.03, 1.9) + frames(1.9, math.inf) == frames()
