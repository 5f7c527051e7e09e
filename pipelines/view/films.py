"""Pictures with their times into a video file, with the sound of another one."""

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from types import TracebackType
from typing import IO, Any, Final, Self

import av
import numpy as np
import numpy.typing as npt
from av.audio.resampler import AudioResampler
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace

from repscore.transforms.files import open_binary
from repscore.transforms.video.container import Container, scan

FORMATS: Final = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""File name suffix -> FFmpeg's name of the format."""

_TICKS: Final = 90_000  # per second: MPEG's clock
_COPIED: Final = frozenset(("aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"))
"""Codecs of sound that all these formats hold as they are; others become AAC."""
_BT709: Final = 1  # ISO/IEC 23091-2: primaries, transfer and matrix of ordinary video


class Film:
    """A video file that is being written; use it as a context manager.

    Attributes:
        sound: what became of the sound, in words.
    """

    def __init__(
        self, file: IO[bytes], suffix: str, size: tuple[int, int], fps: float,
        sound_of: str | None = None, given_fps: float | None = None,
    ) -> None:  # fmt: skip
        """A film of `size` (width, height), both even, with the sound of the video `sound_of`.

        `fps` is announced: pictures keep their times. `given_fps` as in `scan`.
        """
        self._file, self._format, self._size = file, FORMATS[suffix], size
        self._fps, self._given_fps = fps, given_fps
        self._sound_of = sound_of
        self.sound = "no sound"

    def __enter__(self) -> Self:
        """Raises OSError where the sound cannot be read."""
        with ExitStack() as opened:
            self._film: Any = opened.enter_context(av.open(self._file, "w", format=self._format))
            rate = Fraction(self._fps).limit_denominator(1001)
            self._stream = self._film.add_stream("libx264", rate=rate)
            self._stream.width, self._stream.height = self._size
            self._stream.pix_fmt = "yuv420p"
            self._stream.options = {"crf": "20", "preset": "veryfast"}
            context = self._stream.codec_context
            context.time_base = Fraction(1, _TICKS)
            context.colorspace = context.color_primaries = context.color_trc = _BT709
            self._packets: Iterator[Any] = iter(())
            if self._sound_of is not None:
                self._packets = self._sound(opened, self._sound_of)
            self._waiting = next(self._packets, None)
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._opened:
            if kind is None:
                self._film.mux(self._stream.encode(None))

    def write(self, picture: npt.NDArray[np.uint8], time_s: float) -> None:
        """A picture (H, W, 3), blue first, later than all before it, and the sound up to it."""
        while self._waiting is not None and _time_s(self._waiting) <= time_s:
            self._film.mux(self._waiting)
            self._waiting = next(self._packets, None)
        frame = VideoFrame.from_ndarray(picture, format="bgr24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
        frame.pts, frame.time_base = round(time_s * _TICKS), Fraction(1, _TICKS)
        self._film.mux(self._stream.encode(frame))

    def _sound(self, opened: ExitStack, uri: str) -> Iterator[Any]:
        """Packets of the sound, their time counted from the first picture."""
        with Container(uri) as container:
            clock, *jumps = scan(container, self._given_fps).clocks
        if clock.raw_s is None or jumps:
            self.sound = "sound left out: the clock of the file jumps or says nothing"
            return iter(())
        source: Any = opened.enter_context(
            av.open(opened.enter_context(open_binary(uri)), metadata_errors="replace")
        )
        stream = source.streams.best("audio")
        if stream is None or not stream.codec_context:
            return iter(())
        if stream.codec_context.name in _COPIED:
            self.sound = "sound kept"
            return _copied(source, stream, self._film.add_stream_from_template(stream), clock.raw_s)
        self.sound = "sound kept as AAC"
        track = self._film.add_stream("aac", rate=stream.rate)
        return _encoded(source, stream, track, clock.raw_s)


def _copied(source: Any, stream: Any, track: Any, start_s: float) -> Iterator[Any]:
    shift = round(start_s / stream.time_base)
    for packet in _demuxed(source, stream):
        if packet.dts is not None and packet.pts is not None and packet.pts >= shift:
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = track
            yield packet


def _encoded(source: Any, stream: Any, track: Any, start_s: float) -> Iterator[Any]:
    resampler = AudioResampler("fltp", "stereo", stream.rate)
    for packet in _demuxed(source, stream):
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue  # a damaged stretch is silent
        for frame in frames:
            if frame.pts is None or frame.pts * frame.time_base < start_s:
                continue
            frame.pts -= round(start_s / frame.time_base)
            for part in resampler.resample(frame):
                yield from track.encode(part)
    yield from track.encode(None)


def _demuxed(source: Any, stream: Any) -> Iterator[Any]:
    """Packets of a stream, as far as they can be read."""
    try:
        yield from source.demux(stream)
    except (av.FFmpegError, OSError):
        return


def _time_s(packet: Any) -> float:
    stamp = packet.pts if packet.dts is None else packet.dts
    return float((stamp or 0) * packet.time_base)
