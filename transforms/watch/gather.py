"""One stream's chunks in any order in, finite recordings out: a pure step function.

Chunks are put in the order of their numbers. A recording is closed by the end mark, by silence, or
by its length; then only the number of the next chunk is kept, and forgotten after an hour. The
state is bounded by the longest recording. Instants are event time: when a chunk arrived at its
source. The same chunks in the order of their arrivals give the same recordings, live or afterwards.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from repscore.transforms.keypoints.names import StreamPart


@dataclass(frozen=True, slots=True)
class Limits:
    """When a recording is closed.

    Attributes:
        silence_s: without a chunk for so long.
        late_s: how long a missing chunk is waited for when a later one is there.
        length_s: the longest recording, on the stream's clock.
        forget_s: without a chunk for so long, nothing of the stream is kept.
    """

    silence_s: float = 20.0
    late_s: float = 20.0
    length_s: float = 3600.0
    forget_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive numbers of a stream that arrived together, or its end mark.

    Attributes:
        since_s, arrived_s: when the first and the last of them arrived, event time.
        place: the file, of a chunk that is one.
        floor: the number that the next recording begins with, by what the dataset holds.
        floor_s: where in that chunk, on the stream's clock.
        start_s, end_s: the span of its frames on the stream's clock; None where it is broken.
    """

    stream: str
    first: int
    last: int
    since_s: float
    arrived_s: float
    place: str = ""
    size_bytes: int = 0
    end: bool = False
    floor: int = 0
    floor_s: float = 0.0
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class OpenStream:
    """The state of a stream.

    Attributes:
        next_number: of the chunk that comes next.
        start_s: where the open recording begins; None at its first frame.
        taken: the chunks of the open recording, in order.
        waiting: chunks beyond a hole, in order.
        latest_s: when the latest chunk arrived.
        hole_s: when the hole was noticed.
    """

    next_number: int
    start_s: float | None
    latest_s: float
    taken: tuple[Chunk, ...] = ()
    waiting: tuple[Chunk, ...] = ()
    hole_s: float | None = None

    @property
    def held(self) -> int:
        """How many chunks are kept."""
        return len(self.taken) + len(self.waiting)


@dataclass(frozen=True, slots=True)
class GatheredPart:
    """What leaves: a recording, or a chunk that came too late for its recording."""

    part: StreamPart
    size_bytes: int
    arrived_s: float


Cut = Callable[[StreamPart], float]
"""Where the last repetition of a part that is too long ends, on the stream's clock."""

Step = tuple[OpenStream | None, tuple[GatheredPart, ...]]


def arrive(stream: OpenStream | None, chunk: Chunk, limits: Limits, cut: Cut) -> Step:
    """A chunk has arrived: what was due before it is done first, so that no clock is needed."""
    parts: tuple[GatheredPart, ...] = ()
    while stream is not None and (now_s := due_s(stream, limits)) <= chunk.since_s:
        stream, more = tick(stream, now_s, limits, cut)
        parts += more
    if stream is None:
        stream = OpenStream(chunk.floor, chunk.floor_s or None, chunk.arrived_s)
    if chunk.last < stream.next_number:
        late = StreamPart(chunk.stream, chunk.first, chunk.last, late=True)
        return stream, (*parts, GatheredPart(late, chunk.size_bytes, chunk.arrived_s))
    waiting = tuple(sorted((*stream.waiting, chunk), key=lambda waiting: waiting.first))
    latest_s = max(stream.latest_s, chunk.arrived_s)
    stream, more = _release(replace(stream, waiting=waiting, latest_s=latest_s), limits, cut)
    return stream, parts + more


def tick(stream: OpenStream, now_s: float, limits: Limits, cut: Cut) -> Step:
    """It is `now_s`: skip chunks that are missing for too long, close what is silent, forget."""
    parts: tuple[GatheredPart, ...] = ()
    while stream.hole_s is not None and now_s >= stream.hole_s + limits.late_s:
        beyond = replace(stream, next_number=stream.waiting[0].first, hole_s=None)
        stream, more = _release(beyond, limits, cut)
        parts += more
    if stream.taken and now_s >= stream.latest_s + limits.silence_s:
        parts += _closed(stream)
        stream = replace(stream, taken=(), start_s=None)
    if not stream.held and now_s >= stream.latest_s + limits.forget_s:
        return None, parts
    return stream, parts


def due_s(stream: OpenStream, limits: Limits) -> float:
    """When to `tick` next, event time."""
    hole_s = [stream.hole_s + limits.late_s] if stream.hole_s is not None else []
    silence_s = [stream.latest_s + limits.silence_s] if stream.taken else []
    return min([*hole_s, *silence_s, stream.latest_s + limits.forget_s])


def _release(
    stream: OpenStream, limits: Limits, cut: Cut
) -> tuple[OpenStream, tuple[GatheredPart, ...]]:
    """Take what is next in line, and close what that completes."""
    parts: tuple[GatheredPart, ...] = ()
    waiting = list(stream.waiting)
    while waiting and waiting[0].first <= stream.next_number:
        chunk = waiting.pop(0)
        stream = replace(stream, next_number=chunk.last + 1)
        if chunk.end:
            parts += _closed(stream)
            stream = replace(stream, taken=(), start_s=None)
            continue
        stream = replace(stream, taken=(*stream.taken, chunk))
        while (stream.taken[-1].end_s or 0.0) - _start_s(stream) >= limits.length_s:
            part = _part(stream)
            end_s = cut(part._replace(end_s=part.start_s + limits.length_s))
            last = max(taken.last for taken in stream.taken if (taken.start_s or 0.0) < end_s)
            size_bytes = sum(taken.size_bytes for taken in stream.taken if taken.last <= last)
            cut_off = part._replace(last=last, end_s=end_s)
            parts += (GatheredPart(cut_off, size_bytes, stream.taken[-1].arrived_s),)
            rest = tuple(taken for taken in stream.taken if (taken.end_s or 0.0) > end_s)
            stream = replace(stream, taken=rest, start_s=end_s)
    hole_s = None
    if waiting:
        hole_s = stream.hole_s if stream.hole_s is not None else waiting[0].arrived_s
    return replace(stream, waiting=tuple(waiting), hole_s=hole_s), parts


def _start_s(stream: OpenStream) -> float:
    if stream.start_s is not None:
        return stream.start_s
    return next((chunk.start_s for chunk in stream.taken if chunk.start_s is not None), 0.0)


def _part(stream: OpenStream) -> StreamPart:
    taken = stream.taken
    return StreamPart(taken[0].stream, taken[0].first, taken[-1].last, _start_s(stream))


def _closed(stream: OpenStream) -> tuple[GatheredPart, ...]:
    if not stream.taken:
        return ()
    size_bytes = sum(chunk.size_bytes for chunk in stream.taken)
    return (GatheredPart(_part(stream), size_bytes, stream.taken[-1].arrived_s),)
