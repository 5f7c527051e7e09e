"""A container as FFmpeg reads it: which stream holds the video, and when each picture is shown.

Time in repscore starts at the first picture that can be decoded. Containers count otherwise: from
an offset, from zero again in the middle of a file, or not at all (raw streams). A `Clock` maps a
stretch of the container's time stamps onto our seconds; `scan` finds the clocks of a file.
"""

import logging
import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import IO, Any, Final, Self, TypeVar

import av
import av.error
import av.logging
from av.codec.hwaccel import HWAccel
from av.index import IndexEntry
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from repscore.transforms.files import open_binary, size_bytes
from repscore.transforms.records import Clock
from repscore.transforms.video.continuity import Walk, is_followed, walk_of

_Result = TypeVar("_Result")

LEAP_S: Final = 10.0
"""Time stamps that leap forward by more begin a new clock; by less they leave a hole in time."""
_LEAP_PICTURES: Final = 20
"""The same in distances of pictures, so that a film of a picture per minute is one clock."""
_REORDERED_S: Final = 1.0
"""Pictures are stored in the order of decoding: time stamps step back by less within one clock."""
MOST_PIXELS: Final = 1 << 26
"""Larger pictures than 8192 x 8192 are not decoded: one would take a gigabyte of memory."""
_HEAD_PACKETS: Final = 32
_BUFFER_BYTES: Final = 1 << 18
_BROKEN_PACKETS: Final = 1000
_USUAL_FPS: Final = 30.0
_RAW: Final = frozenset(
    ("h264", "hevc", "mjpeg", "m4v", "mpegvideo", "vc1", "obu", "dirac", "cavsvideo")
)
"""Formats without time stamps; those that FFmpeg tells of them are made up."""


@dataclass(frozen=True, eq=False, slots=True)
class CodedPicture:
    """A packet of the video stream.

    Attributes:
        number: its place in the order of storage, from 0 where reading began; decoded frames have
            it as their `pts`.
        raw_s: time stamp of presentation, else of decoding; None where it has none.
        is_shown: whether a picture comes of it. Edit lists leave some out, and some codecs store
            references that are never shown.
        is_damaged: bytes are missing in it or near it, or two recordings were joined there.
    """

    number: int
    raw_s: float | None
    is_keyframe: bool
    is_shown: bool
    is_damaged: bool
    packet: Any


@dataclass(frozen=True)
class Scan:
    """What a walk over the packets of a stream tells, without decoding.

    Attributes:
        clocks: at least one, in order.
        keyframes_s: times at which decoding may start, increasing; none without time stamps, where
            only a count from the beginning tells the time.
        pictures: pictures that the container holds.
        left_out: further ones that its edit list says not to show.
        duration_s: from the first picture to the end of the last one.
        seekable: time stamps lead to places in the file; else it is read from its beginning.
    """

    clocks: tuple[Clock, ...]
    keyframes_s: Sequence[float]
    pictures: int
    duration_s: float
    seekable: bool
    left_out: int = 0


class ContainerError(ValueError):
    """FFmpeg cannot read the container; the message is FFmpeg's own."""


class Container:
    """An open container and its video stream; use it as a context manager.

    Attributes:
        stream: the video; None where the container holds none. Pictures of the cover are none.
        others: what else it holds, in words, e.g. `audio aac`, `video h264 1280x720`.
    """

    def __init__(self, uri: str, hwaccel: HWAccel | None = None) -> None:
        """`hwaccel` decodes; None is the CPU."""
        self.uri = uri
        self._hwaccel = hwaccel

    def __enter__(self) -> Self:
        """Raises ContainerError, and OSError where the file cannot be read."""
        av.logging.set_level(None)
        logging.getLogger("libav").setLevel(logging.CRITICAL)  # our errors say what matters
        self._file = _Guarded(open_binary(self.uri))
        try:
            # A file object and no path: a container that names other files does not open them.
            limit = {"max_pixels": str(MOST_PIXELS)}  # FFmpeg decodes pictures to learn of a stream
            self._container: Any = av.open(
                self._file,
                metadata_errors="replace",
                buffer_size=_BUFFER_BYTES,
                options=limit,
                hwaccel=self._hwaccel,
            )
        except (av.FFmpegError, OSError) as error:
            self._file.close()
            self._check_reading()
            raise ContainerError(error.strerror) from error
        except BaseException:
            self._file.close()
            raise
        streams = self._container.streams.video
        pictures = [s for s in streams if not s.disposition & Disposition.attached_pic]
        best = self._container.streams.best("video")
        self.stream: VideoStream | None = (
            best if best in pictures else pictures[0] if pictures else None
        )
        if self.stream is not None and self.stream.codec_context is not None:
            self.stream.codec_context.options = limit
        self.others = tuple(
            _words(stream) for stream in self._container.streams if stream is not self.stream
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()
        self._file.close()

    def _check_reading(self) -> None:
        """Raise OSError where reading failed: to FFmpeg that looks like the end of the file."""
        failure = self._file.failure
        if failure is not None:
            raise OSError(f"{self.uri}: reading failed: {failure}") from failure

    @property
    def metadata(self) -> dict[str, str]:
        """Of the container."""
        return dict(self._container.metadata)

    @property
    def time_base_s(self) -> float:
        """Unit of time stamps, seconds."""
        assert self.stream is not None  # noqa: S101
        return float(self.stream.time_base or 1 / av.time_base)

    @property
    def is_raw(self) -> bool:
        """Whether it is a stream without a container, which has no time stamps."""
        return self._container.format.name in _RAW

    @property
    def announced_s(self) -> float | None:
        """Length that the header announces, start offset taken off; None where it says nothing."""
        duration, start = self._container.duration, self._container.start_time or 0
        return None if duration is None else (duration - max(0, start)) / av.time_base

    @property
    def picture_s(self) -> float:
        """Nominal distance of two pictures, seconds."""
        assert self.stream is not None  # noqa: S101
        rate = self.stream.average_rate or self.stream.guessed_rate or self.stream.base_rate
        return 1 / float(rate) if rate else 1 / _USUAL_FPS

    def coded_pictures(self) -> Iterator[CodedPicture]:
        """Packets of the video stream from here on.

        A damaged stretch is passed over. Raises OSError where a file cannot be read.
        """
        number = broken = 0
        place = -1
        walk = self._file.walk = self._begin_walk()
        packets = self._container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.error.EOFError):
                self._check_reading()
                return
            except (av.FFmpegError, OSError):
                self._check_reading()
                broken += 1
                if broken > _BROKEN_PACKETS:
                    return
                packets = self._container.demux(self.stream)  # an iterator that raised has ended
                continue
            if packet.size:
                shown = not packet.is_discard and _gives_picture(packet)
                raw_s = None if self.is_raw else _raw_s(packet)
                damaged = bool(packet.is_corrupt)
                if walk is not None and packet.pos is not None:
                    before, place = place, packet.pos
                    damaged |= bisect_right(walk.breaks, before) < bisect_right(walk.breaks, place)
                coded = CodedPicture(number, raw_s, packet.is_keyframe, shown, damaged, packet)
                packet.pts = number  # decoders hand it through; time stamps may be missing or wrong
                number += 1
                yield coded

    def _begin_walk(self) -> Walk | None:
        """Follow the structure of the file from its beginning."""
        assert self.stream is not None  # noqa: S101
        if not is_followed(self._container.format.name):
            return None
        with open_binary(self.uri) as file:
            begun = file.read(self._file.tell())  # FFmpeg has these already
        walk = walk_of(self._container.format.name, begun, self.stream.id)
        if walk is not None:
            walk.feed(0, begun)
        return walk

    def cut_off(self) -> str | None:
        """How the file ends before it should; known when all of it was read."""
        walk = self._file.walk
        return walk.cut_off(size_bytes(self.uri)) if walk is not None else None

    def seek(self, raw_s: float) -> None:
        """Go to the last keyframe at or before a time stamp; packets are numbered anew."""
        assert self.stream is not None  # noqa: S101
        self._container.seek(
            math.floor(raw_s / self.time_base_s), stream=self.stream, backward=True
        )

    def index(self) -> Sequence[IndexEntry] | None:
        """The place of every packet in order of decoding; None where the header does not tell all.

        MP4, MOV and AVI have one; it makes reading through the file unnecessary.
        """
        assert self.stream is not None  # noqa: S101
        entries: Any = self.stream.index_entries
        if not 0 < len(entries) == self.stream.frames:
            return None
        rising = all(a.timestamp <= b.timestamp for a, b in pairwise(entries))
        return entries if rising else None


def scan(container: Container, fps: float | None = None) -> Scan:
    """Find clocks, keyframes and length of a stream; reads the file through only where it must.

    Args:
        fps: rate of a stream without time stamps; None takes the nominal one.
    """
    step_s = container.picture_s
    index = container.index()
    if index is None:
        return _walk(container, 1 / fps if fps else step_s, step_s)
    assert container.stream is not None  # noqa: S101
    base = container.time_base_s
    first_s = index[0].timestamp * base
    key = next(
        (n for n, entry in enumerate(index) if entry.is_keyframe), 0
    )  # noise looks like none
    start_s = _first_shown_s(list(islice(container.coded_pictures(), key, key + _HEAD_PACKETS)))
    start_s = first_s if start_s is None else start_s
    keyframes = [max(0.0, entry.timestamp * base - start_s) for entry in index if entry.is_keyframe]
    shown = [entry for entry in index if not entry.is_discard]
    duration_s = max(0.0, shown[-1].timestamp * base - first_s) + step_s if shown else 0.0
    clock = Clock(0, start_s, 0.0)
    left_out = len(index) - len(shown)
    return Scan((clock,), sorted(set(keyframes)), len(shown), duration_s, True, left_out)


def _walk(container: Container, untimed_s: float, step_s: float) -> Scan:
    """The same by reading all packets."""
    clocks: list[Clock] = []
    keyframes: list[float] = []
    pictures, end_s, latest_s = 0, 0.0, -math.inf
    leap_s = max(LEAP_S, _LEAP_PICTURES * step_s)
    for coded in container.coded_pictures():
        if not clocks and not coded.is_keyframe:
            continue  # what comes before the first keyframe refers to pictures that are not there
        if not clocks:
            clocks.append(Clock(coded.number, coded.raw_s, 0.0))
        elif coded.raw_s is not None and clocks[-1].raw_s is not None:
            back_s = latest_s - coded.raw_s
            stepped_back = back_s > (0.0 if coded.is_keyframe else _REORDERED_S)
            if stepped_back or -back_s > leap_s:
                clocks.append(Clock(coded.number, coded.raw_s, end_s))
                latest_s = coded.raw_s
        if coded.raw_s is not None:
            latest_s = max(latest_s, coded.raw_s)
        time_s = time_of(coded, clocks, untimed_s)
        if not coded.is_shown or time_s < clocks[-1].start_s:
            continue
        pictures += 1
        end_s = max(end_s, time_s + (untimed_s if clocks[-1].raw_s is None else step_s))
        if coded.is_keyframe and coded.raw_s is not None:
            keyframes.append(time_s)
    return Scan(tuple(clocks), sorted(set(keyframes)), pictures, end_s, seekable=False)


def _first_shown_s(head: Sequence[CodedPicture]) -> float | None:
    """Time stamp of the first picture shown, from the packets from the first keyframe on."""
    if head and head[0].is_shown and head[0].raw_s is not None:
        return head[0].raw_s  # pictures before it refer to others that are not there
    return min((c.raw_s for c in head if c.is_shown and c.raw_s is not None), default=None)


def time_of(coded: CodedPicture, clocks: Sequence[Clock], untimed_s: float) -> float:
    """Seconds from the first picture of the video at which a picture is shown.

    Args:
        untimed_s: distance of pictures without time stamps.
    """
    clock = clocks[max(0, bisect_right(clocks, coded.number, key=lambda c: c.first) - 1)]
    if clock.raw_s is None or coded.raw_s is None:
        return clock.start_s + (coded.number - clock.first) * untimed_s
    return clock.start_s + coded.raw_s - clock.raw_s


def _raw_s(packet: Any) -> float | None:
    stamp = packet.dts if packet.pts is None else packet.pts
    return None if stamp is None else float(stamp * packet.time_base)


def _gives_picture(packet: Any) -> bool:
    """VP8 says so in its frame header (RFC 6386, 9.1); the place holders of MPEG-4 in AVI are a
    few bytes long.
    """
    name = packet.stream.codec_context.name
    if "vp8" in name:
        return bool(bytes(packet)[0] >> 4 & 1)
    return bool(name != "mpeg4" or packet.size > 8)


def frames_of(coded: CodedPicture | None, stream: Any) -> list[VideoFrame]:
    """What a packet makes the decoder give out; nothing where it is damaged.

    Raises MemoryError where a GPU has no room.
    """
    try:
        return list(coded.packet.decode() if coded else stream.codec_context.decode(None))
    except av.error.MemoryError:
        if stream.codec_context.is_hwaccel:
            raise
        return []  # a damaged stream may ask for any amount
    except (av.FFmpegError, EOFError):
        return []


class _Guarded:
    """A file for FFmpeg that keeps the first error of reading and follows its structure."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.walk: Walk | None = None
        self.failure: Exception | None = None

    def read(self, size: int) -> bytes:
        offset = self.tell()
        data = self._kept(lambda: self._file.read(size), b"")
        if self.walk is not None:
            self.walk.feed(offset, data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._kept(lambda: self._file.seek(offset, whence), -1)

    def tell(self) -> int:
        return self._kept(self._file.tell, -1)

    def close(self) -> None:
        self._file.close()

    @property
    def name(self) -> str:
        return str(getattr(self._file, "name", ""))

    def _kept(self, work: Callable[[], _Result], otherwise: _Result) -> _Result:
        try:
            return work()
        except Exception as error:  # whatever a file system raises
            self.failure = self.failure or error
            return otherwise


def _words(stream: Any) -> str:
    context = stream.codec_context
    name = context.name if context is not None else "of an unknown codec"
    size = f" {context.width}x{context.height}" if stream.type == "video" and context else ""
    cover = stream.disposition & Disposition.attached_pic
    return f"{'cover' if cover else stream.type} {name}{size}"
