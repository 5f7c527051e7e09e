"""Streams among watched inputs: which of their chunks have arrived, listing by listing."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import groupby

from repscore.transforms.discover.sources import Source
from repscore.transforms.keypoints.names import END_MARK, StreamPart, chunk_of, kind_of, part_of
from repscore.transforms.records import Known
from repscore.transforms.watch.gather import Chunk, Limits


class Numbers:
    """A set of whole numbers that keeps runs of them: a stream without holes is one."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def __len__(self) -> int:
        """How many runs are kept."""
        return len(self._firsts)

    def __contains__(self, number: int) -> bool:
        run = bisect_right(self._firsts, number) - 1
        return run >= 0 and number <= self._lasts[run]

    def add(self, first: int, last: int) -> None:
        """Add the numbers from first to last."""
        touched = slice(bisect_left(self._lasts, first - 1), bisect_right(self._firsts, last + 1))
        self._firsts[touched] = [min([first, *self._firsts[touched]])]
        self._lasts[touched] = [max([last, *self._lasts[touched]])]


class ChunkArrivals:
    """Decides which chunks have arrived; memory follows the number of names in the folders.

    A chunk has arrived when its stamp has not changed for `rest_s` (an object of a store at once);
    later changes of it are ignored. Skipped are the chunks that the dataset holds from the start
    of a stream on without a hole, and chunks that were too late.
    """

    def __init__(self, known: Mapping[str, Known], config: str, *, rest_s: float) -> None:
        self._rest_s = rest_s
        self._silence_s = Limits().silence_s
        parts = [part_of(row.uri) for row in known.values() if row.config == config]
        self._floors = floors([part for part in parts if part is not None])
        self._taken: dict[str, Numbers] = defaultdict(Numbers)
        for part in parts:
            if part is not None and part.late:
                self._taken[part.stream].add(part.first, part.last)
        self._listed: dict[str, tuple[str, float]] = {}

    @property
    def resting(self) -> bool:
        """Whether chunks were listed that have not arrived yet."""
        return bool(self._listed)

    def poll(
        self, listing: Iterable[Source], now_s: float, instant_s: float
    ) -> tuple[list[Chunk], float]:
        """The chunks of a listing that have arrived, and the event time until which all have.

        Other files are ignored. `now_s` is a monotonic clock, `instant_s` the source's own.
        """
        arrived: dict[str, list[tuple[int, Source]]] = defaultdict(list)
        complete_s = instant_s
        listed = set()
        for source in listing:
            chunk = chunk_of(source.uri)
            if chunk is None:
                continue
            stream, number = chunk
            if number < self._floors.get(stream, (0, 0.0))[0] or number in self._taken[stream]:
                continue
            listed.add(source.uri)
            stamp, since_s = self._listed.get(source.uri, ("", now_s))
            if stamp != source.stamp:
                since_s = now_s
                self._listed[source.uri] = (source.stamp, since_s)
            if source.fingerprint is not None or now_s - since_s >= self._rest_s:
                arrived[stream].append((number, source))
            else:
                complete_s = min(complete_s, _arrival_s(source, instant_s))
        for stream, files in arrived.items():
            for number, _ in files:
                self._taken[stream].add(number, number)
        taken = {source.uri for files in arrived.values() for _, source in files}
        for uri in (self._listed.keys() - listed) | taken:
            self._listed.pop(uri, None)
        chunks = (self._runs(stream, files, instant_s) for stream, files in arrived.items())
        return [chunk for run in chunks for chunk in run], complete_s

    def _runs(self, stream: str, files: list[tuple[int, Source]], instant_s: float) -> list[Chunk]:
        """Files as chunks: frames of OpenPose that follow one another without silence are one."""
        floor, floor_s = self._floors.get(stream, (0, 0.0))
        files = sorted(files, key=lambda file: file[0])
        joins = kind_of(stream) == "openpose"
        numbered: list[tuple[int, int, float, bool, Source]] = []
        run, before = 0, (-2, 0.0, True)
        for number, source in files:
            at_s, end = _arrival_s(source, instant_s), source.uri.endswith(END_MARK)
            follows = joins and before[0] == number - 1 and not end and not before[2]
            run += not follows or at_s - before[1] > self._silence_s
            before = (number, at_s, end)
            numbered.append((run, number, at_s, end, source))
        chunks = []
        for _, group in groupby(numbered, key=lambda file: file[0]):
            parts = list(group)
            arrivals = [at_s for _, _, at_s, _, _ in parts]
            chunks.append(
                Chunk(
                    stream=stream,
                    first=parts[0][1],
                    last=parts[-1][1],
                    since_s=min(arrivals),
                    arrived_s=max(arrivals),
                    place=parts[0][4].uri,
                    size_bytes=sum(source.size_bytes for *_, source in parts),
                    end=parts[0][3],
                    floor=floor,
                    floor_s=floor_s,
                )
            )
        return sorted(chunks, key=lambda chunk: chunk.since_s)


def floors(parts: Iterable[StreamPart]) -> dict[str, tuple[int, float]]:
    """For each stream the chunk, and the time in it, up to which parts follow without a hole."""
    result: dict[str, tuple[int, float]] = {}
    for part in sorted(part for part in parts if not part.late):
        floor, _ = result.get(part.stream, (0, 0.0))
        if part.first <= floor:
            whole = part.end_s == float("inf")
            result[part.stream] = (part.last + 1, 0.0) if whole else (part.last, part.end_s)
    return result


def _arrival_s(source: Source, otherwise_s: float) -> float:
    return source.arrived_at.timestamp() if source.arrived_at else otherwise_s
