"""Decode a span of a video: exactly the sampled pictures in it, wherever the video was cut."""

import math
from bisect import insort
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final, Self

from av.codec.hwaccel import HWAccel
from av.video.frame import VideoFrame

from repscore.transforms.copies import copied
from repscore.transforms.plan.probe import truncation
from repscore.transforms.records import Clock
from repscore.transforms.video.container import (
    CodedPicture,
    Container,
    ContainerError,
    frames_of,
    scan,
    time_of,
)
from repscore.transforms.video.picture import Frame, Picture, is_sample

_BACK_OFF_S: Final = (0.5, 2.0, 8.0, 32.0, 128.0)
"""How far before the wanted time a seek aims, one attempt after another, before the beginning."""
_LATE_PICTURES: Final = 64
"""A picture that has not left the decoder when one stored so much later has, is lost: H.264 and
HEVC reorder by 16 at most."""
_REACH_S: Final = 2.0
"""Pictures stored later than this after the end of a span are not of it."""
_SPANS_NAMED: Final = 3
_TOLERANCE_S: Final = 1.0
_TOLERANCE_SHARE: Final = 0.005
"""Headers without an index announce a little more than there is, e.g. for longer sound."""

REVISION: Final = 2
"""Rises when the same file gives other pictures or other times."""


@dataclass
class Holes:
    """Where pictures are missing or damaged: spans of time, half open, seconds.

    Attributes:
        step_s: distance of two pictures.
        lost: pictures that could not be decoded.
        damaged: pictures in which bytes are missing.
        stale: pictures left out, since their time stamps lie before those of earlier ones.
        gaps: spans without pictures right after damage; nobody knows how many there were.
    """

    step_s: float
    lost: int = 0
    damaged: int = 0
    stale: int = 0
    gaps: int = 0
    spans_s: list[tuple[float, float]] = field(default_factory=list)

    def lose(self, time_s: float) -> None:
        """A picture that could not be decoded."""
        self.lost += 1
        self.add(time_s, time_s + self.step_s)

    def add(self, start_s: float, end_s: float) -> None:
        """Spans next to each other are one."""
        insort(self.spans_s, (start_s, end_s))
        merged: list[tuple[float, float]] = []
        for start_s, end_s in self.spans_s:
            if merged and start_s <= merged[-1][1] + self.step_s / 2:
                merged[-1] = merged[-1][0], max(end_s, merged[-1][1])
            else:
                merged.append((start_s, end_s))
        self.spans_s = merged

    def words(self, held: int) -> str | None:
        """What is missing of the pictures that the container holds, None where nothing is."""
        counts = (
            (self.lost, "could not be decoded"),
            (self.damaged, "hold damage"),
            (self.stale, "left out: their time stamps step back"),
        )
        faults = [f"{count} {fault}" for count, fault in counts if count]
        if self.gaps:
            faults.append("others are missing near damage")
        return f"of {held} pictures of this segment {', '.join(faults)}: {self}" if faults else None

    def __str__(self) -> str:
        spans = ", ".join(f"{a:.2f} to {b:.2f} s" for a, b in self.spans_s[:_SPANS_NAMED])
        more = len(self.spans_s) - _SPANS_NAMED
        return spans + (f" and {more} more" if more > 0 else "")


class Decoder:
    """The sampled pictures of the span [start_s, end_s), preceded by those of its warm-up.

    At sample_fps a picture is taken if it is the first at or after a multiple of 1 / sample_fps;
    the first picture of a video is always taken. That depends on a picture and the one before it,
    not on where the span starts, so the spans of any cuts add up to the pictures of one pass.

    Use it as a context manager and iterate over it once. After that it reports what became of
    every picture that the container holds in the span.

    Attributes:
        held: pictures that the container holds in the span.
        decoded: those that could be decoded.
        grabbed: all pictures that were decoded, seeking included.
        last_time_s: time of the last picture that was decoded, None before the first.
        shortfall: what is missing and where, None where nothing is.
    """

    def __init__(
        self,
        uri: str,
        start_s: float = 0.0,
        end_s: float = math.inf,
        *,
        sample_fps: float | None = None,
        warm_up_s: float = 0.0,
        fps: float | None = None,
        clocks: Sequence[Clock] = (),
        hwaccel: HWAccel | None = None,
    ) -> None:
        """`clocks` are those of `scan`, found here where they are not given; `fps` as there;
        `hwaccel` of `nvdec.accelerator`.
        """
        self.uri = uri
        self.start_s, self.end_s = start_s, end_s
        self.sample_fps = sample_fps
        self._fps, self._clocks, self._hwaccel = fps, clocks, hwaccel
        self._from_s = max(0.0, start_s - warm_up_s)
        self.last_time_s: float | None = None
        self.held = self.decoded = self.grabbed = 0
        self.shortfall: str | None = None
        self._copies = ExitStack()

    def __enter__(self) -> Self:
        """Raises ContainerError, and OSError where the file cannot be read."""
        self._place = self.uri
        self._open()
        if self._index is None and (self._from_s > 0 or math.isfinite(self.end_s)):
            # Each segment is read from the beginning of the file.
            self._place = self._copies.enter_context(copied(self.uri))
            if self._place != self.uri:
                self._reopen()
        if not self._clocks:
            self._clocks = scan(self._container, self._fps).clocks
            self._reopen()
        return self

    def __exit__(self, *_: object) -> None:
        self._container.__exit__()
        self._copies.close()

    def __iter__(self) -> Iterator[Frame]:
        """Raises OSError where a remote file cannot be read to the end."""
        before_s: float | None = None
        for time_s, decoded in self._from_before():
            if time_s >= self.end_s:
                self._pass_over()
                break
            taken = is_sample(before_s, time_s, self.sample_fps)
            before_s = time_s
            if taken and time_s >= self._from_s:
                yield Frame(time_s, self._picture.bgr(decoded), time_s < self.start_s)
        for time_s in self._pending.values():
            self._holes.lose(time_s)
        self.shortfall = self._missing()

    def _pass_over(self) -> None:
        """Pictures of the span that are stored behind its end: their time stamps step back."""
        for coded in self._rest if self._index is None else ():
            time_s = self._time_of(coded)
            if time_s > self.end_s + _REACH_S:
                break
            if self._counts(coded, time_s):
                self.held, self.decoded = self.held + 1, self.decoded + 1
                self._holes.stale += 1
                self._holes.add(time_s, time_s + self._step_s)

    @property
    def clock_jumps(self) -> str | None:
        """Where in the span the clock of the container jumps, None where it does not."""
        jumps = [c for c in self._clocks[1:] if self.start_s <= c.start_s < self.end_s]
        if not jumps:
            return None
        places = ", ".join(f"{c.start_s:.2f} s (to {c.raw_s:.2f} s)" for c in jumps[:_SPANS_NAMED])
        more = f" and {len(jumps) - _SPANS_NAMED} more" if len(jumps) > _SPANS_NAMED else ""
        return (
            f"the container's clock jumps at {places}{more}: parts of several recordings? Time "
            "goes on one picture later; cut the file there if they do not belong together"
        )

    def _missing(self) -> str | None:
        fault = self._holes.words(self.held)
        words = [fault] if fault else []
        if math.isinf(self.end_s) and (early := self._ends_early()) is not None:
            words += [early]
        return "; ".join(words) + ": obtain the file again" if words else None

    def _ends_early(self) -> str | None:
        """What says that the file goes on; an index was held against the pictures already."""
        cut = truncation(self._place) or self._container.cut_off()
        if cut is not None:
            return f"the file {cut}"
        announced_s, reached_s = self._container.announced_s, self.last_time_s or 0.0
        clock, *jumps = self._clocks
        if announced_s is None or jumps or clock.raw_s is None:
            return None
        short_s = announced_s - reached_s - self._step_s
        if self._index is not None or short_s <= _TOLERANCE_S + _TOLERANCE_SHARE * announced_s:
            return None
        return f"the file ends at {reached_s:.1f} s, its header announces {announced_s:.1f} s"

    def _open(self) -> None:
        self._container = Container(self._place, self._hwaccel).__enter__()
        stream = self._container.stream
        if stream is None:
            raise ContainerError(f"{self.uri}: holds no video stream")
        stream.thread_type = "NONE"  # an actor has one core
        self._picture = Picture(stream)
        self._step_s = self._container.picture_s
        self._untimed_s = 1 / self._fps if self._fps else self._step_s
        self._index = self._container.index()
        self._begin()

    def _begin(self) -> None:
        self._pending: dict[int, float] = {}
        self._holes = Holes(self._step_s)
        self.held = self.decoded = 0
        self.last_time_s = None

    def _reopen(self) -> None:
        self._container.__exit__()
        self._open()

    def _from_before(self) -> Iterator[tuple[float, VideoFrame]]:
        """Times and frames from one before _from_s on, or from the beginning."""
        if self._index is None:
            yield from self._decode(self._keyframe_before())
            return
        (clock,) = self._clocks
        attempts = [back_s for back_s in _BACK_OFF_S if self._from_s > back_s]
        for back_s in attempts:
            self._begin()
            self._container.seek((clock.raw_s or 0.0) + self._from_s - back_s)
            frames = self._decode(0)
            first = next(frames, None)
            if first is not None and first[0] < self._from_s:
                yield first
                yield from frames
                return
        if attempts:
            self._reopen()
        yield from self._decode(0)

    def _keyframe_before(self) -> int:
        """Number of the last keyframe that is shown before _from_s, 0 without any."""
        number = 0
        if self._from_s > 0:
            for coded in self._container.coded_pictures():
                time_s = self._time_of(coded)
                if time_s >= self._from_s + _REACH_S:
                    break
                if coded.is_keyframe and time_s < self._from_s:
                    number = coded.number
            self._reopen()
        return number

    def _decode(self, first: int) -> Iterator[tuple[float, VideoFrame]]:
        """Times and frames in order of time, from picture number `first` to the span's end."""
        stream = self._container.stream
        times: dict[int, float] = {}
        untimed = self._clocks[0].raw_s is None
        shown = -1  # of a stream without time stamps: pictures since its beginning
        latest: int | None = None
        damaged: set[int] = set()
        torn = False  # since the last keyframe
        for coded in self._coded_pictures(first):
            if coded is not None:
                times[coded.number] = time_s = self._time_of(coded)
                latest = coded.packet.dts
                if coded.is_damaged:
                    damaged.add(coded.number)
                if self._counts(coded, time_s):
                    self.held += 1
                    self._pending[coded.number] = time_s
            for frame in frames_of(coded, stream):
                number = int(frame.pts or 0)
                self.grabbed += 1
                shown = max(shown + 1, number if frame.key_frame else 0)  # after a loss
                time_s = shown * self._untimed_s if untimed else times.get(number, math.nan)
                counts = self._pending.pop(number, None) is not None
                self.decoded += counts
                for early in [n for n in self._pending if n < number - _LATE_PICTURES]:
                    self._holes.lose(self._pending.pop(early))
                for early in [n for n in times if n < number - _LATE_PICTURES]:
                    del times[early]
                if not time_s >= 0:
                    continue
                if self.last_time_s is not None and time_s <= self.last_time_s:
                    if counts and time_s < self.last_time_s:  # else the same instant twice
                        self._holes.stale += 1
                        self._holes.add(self.last_time_s, self.last_time_s + self._step_s)
                    continue
                torn |= number in damaged
                if torn:
                    self._note_gap(time_s)
                torn = frame.is_corrupt or (torn and not frame.key_frame)
                if frame.is_corrupt and counts:
                    self._holes.damaged += 1
                    self._holes.add(time_s, time_s + self._step_s)
                self.last_time_s = time_s
                yield time_s, frame
        self._miss_what_index_promises(latest)

    def _note_gap(self, time_s: float) -> None:
        """Where bytes are missing, so may be whole pictures between the last one and this one."""
        start_s = max(self.start_s, (self.last_time_s or 0.0) + self._step_s)
        end_s = min(self.end_s, time_s)
        if end_s - start_s > self._step_s / 2:
            self._holes.gaps += 1
            self._holes.add(start_s, end_s)

    def _coded_pictures(self, first: int) -> Iterator[CodedPicture | None]:
        """From number `first` to some time after the span, then None: no more come."""
        self._rest = self._container.coded_pictures()
        for coded in self._rest:
            if coded.number < first:
                continue
            if self._time_of(coded) > self.end_s + _REACH_S:
                break
            yield coded
        yield None

    def _time_of(self, coded: CodedPicture) -> float:
        return time_of(coded, self._clocks, self._untimed_s)

    def _counts(self, coded: CodedPicture, time_s: float) -> bool:
        """Whether it is a picture of the span."""
        within = max(0.0, self.start_s) <= time_s < self.end_s
        return within and coded.is_shown and coded.number >= self._clocks[0].first

    def _miss_what_index_promises(self, latest: int | None) -> None:
        """Pictures of the span that the header knows of and the file, cut off, does not hold.

        `latest` is the decoding time stamp of the last one that was read.
        """
        if self._index is None or self._container.stream is None:
            return
        base, (clock,) = self._container.time_base_s, self._clocks
        for entry in reversed(self._index):
            if latest is not None and entry.timestamp <= latest:
                break
            time_s = entry.timestamp * base - (clock.raw_s or 0.0)
            if not entry.is_discard and self.start_s <= time_s < self.end_s:
                self.held += 1
                self._holes.lose(time_s)
