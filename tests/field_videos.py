"""Videos as cameras, converters and broken transfers write them, all of one synthetic squatter.

Every function takes the control's pictures and writes one file; `VARIANTS` names them with what
the pipeline must find. The kinds come from public bug reports of video tools.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np

from repscore.pipelines.demo.cast import CAST
from repscore.pipelines.demo.render import frames as rendered

FPS: Final = 30
REPETITIONS: Final = 4
SIZE: Final = (360, 480)  # width, height

Pictures = Sequence[Any]


def control_pictures() -> list[Any]:
    """Four squats: (480, 360, 3) uint8, red first, 30 a second."""
    squats = CAST[0]
    return [
        cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA)[..., ::-1].copy()
        for image in rendered(squats.motion, squats.look, squats.camera, FPS)
    ]


def write(
    path: Path | io.BytesIO,
    pictures: Iterable[Any],
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    fps: int | Fraction = FPS,
    times_s: Sequence[float] | None = None,
    start_s: float = 0.0,
    format: str | None = None,  # noqa: A002 - PyAV's name
    aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    matrix: tuple[int, ...] | None = None,
    trc: int | None = None,
    extra: Callable[[Any], Callable[[Any], None]] | None = None,
) -> Path | io.BytesIO:
    """Encode pictures (H, W, 3), uint8 or uint16."""
    target: Any = path if isinstance(path, io.BytesIO) else str(path)
    fast = {"preset": "ultrafast", "crf": "20", "g": "30"} if codec == "libx264" else {}
    with av.open(target, "w", format=format, container_options=container_options or {}) as out:
        stream: Any = out.add_stream(codec, rate=fps, options={**fast, **(options or {})})
        if codec in ("libx264", "libx265", "libvpx-vp9", "libvpx", "mpeg4", "mpeg2video"):
            stream.thread_count = 1
        if codec in ("mpeg4", "mjpeg", "mpeg2video"):
            stream.bit_rate = 8_000_000  # else the picture itself is lost
        begun = False
        finish: Callable[[Any], None] | None = None
        time_base = Fraction(1, 90000)
        for number, picture in enumerate(pictures):
            if not begun:
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = pix_fmt
                if aspect is not None:
                    stream.codec_context.sample_aspect_ratio = aspect
                if trc is not None:
                    stream.codec_context.color_trc = trc
                    stream.codec_context.color_primaries = 9
                    stream.codec_context.colorspace = 9
                if matrix is not None:
                    stream.set_display_matrix(matrix)
                finish = extra(out) if extra is not None else None
                begun = True
            kind = "rgb48le" if picture.dtype == np.uint16 else "rgb24"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=kind)
            if trc is not None:
                frame = frame.reformat(format=pix_fmt, dst_colorspace="BT2020")
            if times_s is not None:
                frame.pts, frame.time_base = round(times_s[number] * 90000), time_base
            else:
                frame.pts, frame.time_base = number, 1 / Fraction(fps)
            if start_s:
                frame.pts += round(start_s / frame.time_base)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if finish is not None:
            finish(out)
    return path


def woven(pictures: Pictures, upper_first: bool) -> Iterator[Any]:
    """Two pictures in one: the lines of each field are of another instant."""
    for first, second in zip(pictures[::2], pictures[1::2], strict=False):
        picture = first.copy()
        lines = slice(1, None, 2) if upper_first else slice(0, None, 2)
        picture[lines] = second[lines]
        yield picture


def with_noise(path: Path, places: Sequence[float], share: float = 0.02) -> Path:
    """Bytes around some places (shares of the file) become noise."""
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    for place in places:
        length = int(len(content) * share)
        start = min(int(len(content) * place), len(content) - length)
        content[start : start + length] = rng.integers(0, 256, length, np.uint8).tobytes()
    path.write_bytes(content)
    return path


def cut_off(path: Path, share: float) -> Path:
    """Only the first share of the bytes."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def joined(path: Path, parts: Sequence[Path]) -> Path:
    """What `cat` makes of files."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    for part in parts:
        part.unlink()
    return path


def deep(pictures: Pictures, encode: Callable[[Any], Any]) -> Iterator[Any]:
    """Pictures of ordinary range as HDR signals (H, W, 3) uint16, white at 203 nits."""
    light = np.linspace(0, 1, 256, dtype=np.float32) ** 2.4
    to_2020 = np.array(  # ITU-R BT.2087
        [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.088, 0.8956]], np.float32
    )
    signal = np.round(65535 * encode(np.linspace(0, 1, 4096))).astype(np.uint16)
    for picture in pictures:
        wide = np.clip(cv2.transform(light[picture], to_2020), 0, 1)
        yield signal[np.round(4095 * wide).astype(np.uint16)]


def pq(light: Any) -> Any:
    """SMPTE ST 2084 of shares of 203 nits."""
    power = (light * 203 / 10000) ** (2610 / 16384)
    top = 3424 / 4096 + 2413 / 4096 * 32 * power
    return (top / (1 + 2392 / 4096 * 32 * power)) ** (2523 / 4096 * 128)


def hlg(light: Any) -> Any:
    """ITU-R BT.2100 of shares of 203 nits on a display of 1,000."""
    scene = (light * 0.203) ** (1 / 1.2)
    high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)


def second_video(out: Any) -> Callable[[Any], None]:
    """A small video stream beside the large one."""
    stream = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
    stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"

    def finish(out: Any) -> None:
        for number in range(FPS):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 90, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))

    return finish


@dataclass(frozen=True)
class Variant:
    """A file and what must come of it.

    Attributes:
        least, most: repetitions that must be found.
        like_control: whether scores must lie within three points of the control's.
        status: of `videos`.
        failures: error classes that must be there, all of them and no other.
    """

    name: str
    make: Callable[[Path, Pictures], object]
    least: int = REPETITIONS
    most: int = REPETITIONS
    like_control: bool = True
    status: str = "ok"
    failures: frozenset[str] = frozenset()
    options: tuple[str, ...] = field(default=())


def _ts(path: Path, pictures: Iterable[Any], **more: Any) -> Path:
    write(path, pictures, format="mpegts", **more)
    return path


def _turned(quarter: int, mirrored: bool) -> Callable[[Path, Pictures], object]:
    """Stored turned (and mirrored), with the matrix that puts it right."""
    one = 1 << 16
    # Rows a b u, c d v, x y w of the matrix that a player applies to the stored picture.
    turn = {0: (1, 0, 0, 1), 1: (0, 1, -1, 0), 2: (-1, 0, 0, -1), 3: (0, -1, 1, 0)}[quarter]
    a, b, c, d = turn
    if mirrored:  # the player first mirrors left and right, then turns
        a, b = -a, -b
    matrix = (a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)

    def make(path: Path, pictures: Pictures) -> object:
        def stored(picture: Any) -> Any:
            turned = np.rot90(picture, quarter)  # anticlockwise: the player turns clockwise
            return turned[:, ::-1] if mirrored else turned

        return write(path, map(stored, pictures), matrix=matrix)

    return make


def _jump(path: Path, pictures: Pictures, offset_s: float) -> Path:
    middle = len(pictures) // 2
    one = _ts(path.with_suffix(".1"), pictures[:middle])
    other = _ts(path.with_suffix(".2"), pictures[middle:], start_s=offset_s)
    return joined(path, [one, other])


def _variable(path: Path, pictures: Pictures) -> object:
    rng = np.random.default_rng(1)
    kept = np.flatnonzero((rng.random(len(pictures)) < 0.7) | (np.arange(len(pictures)) == 0))
    return write(path, [pictures[n] for n in kept], times_s=(kept / FPS).tolist())


def _numbered(path: Path, pictures: Pictures) -> None:
    """A picture per file."""
    for number, picture in enumerate(pictures, start=7):
        (path.parent / (path.name % number)).write_bytes(
            cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
        )


def _headless(path: Path, pictures: Pictures) -> None:
    write(path, pictures[:60])
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"moov") - 4])


def _resized(pictures: Iterable[Any], width: int, height: int) -> Iterator[Any]:
    return (cv2.resize(p, (width, height), interpolation=cv2.INTER_LINEAR) for p in pictures)


JUMP: Final = frozenset({"ClockJump"})
LOST: Final = frozenset({"IncompleteVideo"})
_X264: Final = {"preset": "ultrafast", "crf": "20", "g": "30"}


def variants() -> list[Variant]:
    """All of them; the names are those of the files."""
    w = write
    interlaced = {"flags": "+ildct+ilme"}
    found = [
        Variant("control.mp4", lambda p, v: w(p, v)),
        Variant("quicktime.mov", lambda p, v: w(p, v)),
        Variant("matroska.mkv", lambda p, v: w(p, v)),
        Variant("mpeg4.avi", lambda p, v: w(p, v, codec="mpeg4", options={"q": "3", "g": "30"})),
        Variant("mjpeg.avi", lambda p, v: w(p, v, codec="mjpeg", pix_fmt="yuvj420p")),
        Variant("transport.ts", lambda p, v: _ts(p, v)),
        Variant("mpeg2.mpg", lambda p, v: w(p, v, codec="mpeg2video", options={"q": "3"})),
        Variant("flash.flv", lambda p, v: w(p, v)),
        Variant("vp9.webm", lambda p, v: w(p, v, codec="libvpx-vp9", options={"cpu-used": "8",
                "deadline": "realtime", "b": "1M"})),
        Variant("vp8.webm", lambda p, v: w(p, v, codec="libvpx", options={"cpu-used": "8",
                "deadline": "realtime", "b": "1M"})),
        Variant("hevc.mp4", lambda p, v: w(p, v, codec="libx265",
                options={"preset": "ultrafast", "x265-params": "log-level=none:crf=12"})),
        Variant("av1.mp4", lambda p, v: w(p, v, codec="libsvtav1", options={"preset": "12"})),
        Variant("fragmented.mp4", lambda p, v: w(p, v, container_options={
                "movflags": "frag_keyframe+empty_moov"})),
        Variant("b_frames.mp4", lambda p, v: w(p, v, options={"preset": "veryfast", "bf": "3"})),
        Variant("ten_bit.mp4", lambda p, v: w(p, v, pix_fmt="yuv420p10le")),
        Variant("gray.mp4", lambda p, v: w(p, v, pix_fmt="gray")),
        Variant("odd_size.mkv", lambda p, v: w(p, _resized(v, 359, 479), pix_fmt="yuv444p")),
        Variant("small.mp4", lambda p, v: w(p, _resized(v, 96, 128)), like_control=False),
        Variant("ultra_hd.mp4", lambda p, v: w(p, _resized(v[::3], 2160, 2880), fps=10)),
        Variant("240_fps.mp4", lambda p, v: w(p, (x for x in v for _ in range(8)), fps=240)),
        Variant("1_fps.mp4", lambda p, v: w(p, v[::30], fps=1), 0, 4, False, "partial",
                frozenset({"TooFewPictures"})),
        Variant("interlaced_upper.mp4", lambda p, v: w(p, woven(v, True), fps=15, options={
                **interlaced, "x264-params": "tff=1"}), like_control=False),
        Variant("interlaced_lower.mp4", lambda p, v: w(p, woven(v, False), fps=15, options={
                **interlaced, "x264-params": "bff=1"}), like_control=False),
        Variant("interlaced_mpeg2.ts", lambda p, v: _ts(p, woven(v, True), fps=Fraction(25),
                codec="mpeg2video", options={**interlaced, "q": "3"}), like_control=False),
        Variant("aspect_4_3.mp4", lambda p, v: w(p, _resized(v, 270, 480),
                aspect=Fraction(4, 3))),
        Variant("aspect_64_45.mp4", lambda p, v: w(p, _resized(v, 254, 480),
                aspect=Fraction(64, 45))),
        Variant("aspect_nonsense.mp4", lambda p, v: w(p, v, aspect=Fraction(500, 1))),
        Variant("offset.mkv", lambda p, v: w(p, v, start_s=5000.0)),
        Variant("offset.ts", lambda p, v: _ts(p, v, start_s=3600.0)),
        Variant("late_start.mp4", lambda p, v: w(p, v, start_s=7.0)),
        Variant("clock_back.ts", lambda p, v: _jump(p, v, 0.0), failures=JUMP),
        Variant("clock_leap.ts", lambda p, v: _jump(p, v, 9000.0), failures=JUMP),
        Variant("appended.webm", lambda p, v: joined(p, [
            Path(str(w(p.with_suffix(f".{n}"), part, codec="libvpx", format="webm",
                       options={"cpu-used": "8", "deadline": "realtime", "b": "1M"})))
            for n, part in enumerate((v[: len(v) // 2], v[len(v) // 2 :]))]), failures=JUMP),
        Variant("variable.mp4", _variable),
        Variant("raw.h264", lambda p, v: w(p, v, format="h264"), options=("--fps", "30")),
        Variant("raw.hevc", lambda p, v: w(p, v, codec="libx265", format="hevc",
                options={"preset": "ultrafast", "x265-params": "log-level=none:crf=12"}),
                options=("--fps", "30")),
        Variant("raw.mjpeg", lambda p, v: w(p, v, codec="mjpeg", pix_fmt="yuvj420p",
                format="mjpeg"), options=("--fps", "30")),
        Variant("noise_early.mp4", lambda p, v: with_noise(Path(str(w(p, v))), [0.1]),
                3, 4, False, "partial", LOST),
        Variant("noise_middle.mp4", lambda p, v: with_noise(Path(str(w(p, v))), [0.5]),
                3, 4, False, "partial", LOST),
        Variant("noise_three.ts", lambda p, v: with_noise(_ts(p, v), [0.2, 0.5, 0.8]),
                2, 4, False, "partial", LOST),
        Variant("truncated.mp4", lambda p, v: cut_off(Path(str(w(p, v, container_options={
                "movflags": "faststart"}))), 0.6), 2, 3, False, "partial", LOST),
        Variant("truncated.mkv", lambda p, v: cut_off(Path(str(w(p, v))), 0.6),
                2, 3, False, "partial", LOST),
        Variant("headless.mp4", _headless, 0, 0, False, "failed", LOST),
        Variant("pq.mp4", lambda p, v: w(p, deep(v, pq), codec="libx265", trc=16,
                pix_fmt="yuv420p10le",
                options={"preset": "ultrafast", "x265-params": "log-level=none:crf=12"})),
        Variant("hlg.mp4", lambda p, v: w(p, deep(v, hlg), codec="libx265", trc=18,
                pix_fmt="yuv420p10le",
                options={"preset": "ultrafast", "x265-params": "log-level=none:crf=12"})),
        Variant("changed_size.ts", lambda p, v: joined(p, [
            _ts(p.with_suffix(".1"), v[: len(v) // 2]),
            _ts(p.with_suffix(".2"), _resized(v[len(v) // 2 :], 240, 320),
                start_s=len(v) // 2 / FPS)])),
        Variant("frame_%d.jpg", _numbered, options=("--fps", "30")),
        Variant("two_videos.mp4", lambda p, v: w(p, v, extra=second_video)),
    ]  # fmt: skip
    for quarter in range(4):
        for mirrored in (False, True):
            name = f"turned_{90 * quarter}{'_mirrored' if mirrored else ''}.mp4"
            found.append(Variant(name, _turned(quarter, mirrored)))
    return found
