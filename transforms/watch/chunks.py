"""Streams among watched inputs: listing after listing, the chunks that have come."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import groupby

from repscore.transforms.discover.sources import Source
from repscore.transforms.keypoints.names import END_MARK, Part, chunk_of, kind_of, part_of
from repscore.transforms.records import Known
from repscore.transforms.watch.gather import Chunk, Limits


class Feeds:
    """Decides which chunks have come; memory follows the number of names in the folders.

    A chunk has come when its stamp has rested for `rest_s` (an object of a store at once); what
    is written over it afterwards is not looked at. What the dataset holds of a stream, without a
    hole from its beginning, is skipped, and so are chunks that were too late.
    """

    def __init__(self, known: Mapping[str, Known], config: str, *, rest_s: float) -> None:
        self._rest_s = rest_s
        self._silence_s = Limits().silence_s
        parts = [part_of(row.uri) for row in known.values() if row.config == config]
        self._floors = floors([part for part in parts if part is not None])
        self._given: dict[str, set[int]] = defaultdict(set)
        for part in parts:
            if part is not None and part.late:
                self._given[part.stream] |= set(range(part.first, part.last + 1))
        self._sightings: dict[str, tuple[str, float]] = {}

    @property
    def resting(self) -> bool:
        """Whether chunks were seen that have not come yet."""
        return bool(self._sightings)

    def poll(
        self, listing: Iterable[Source], now_s: float, instant_s: float
    ) -> tuple[list[Chunk], float]:
        """The chunks of a listing that have come, and the event time until which all have.

        Other files are passed over. `now_s` is a monotonic clock, `instant_s` the source's own.
        """
        come: dict[str, list[tuple[int, Source]]] = defaultdict(list)
        held_back_s = instant_s
        listed = set()
        for source in listing:
            chunk = chunk_of(source.uri)
            if chunk is None:
                continue
            stream, number = chunk
            if number < self._floors.get(stream, (0, 0.0))[0] or number in self._given[stream]:
                continue
            listed.add(source.uri)
            stamp, since_s = self._sightings.get(source.uri, ("", now_s))
            if stamp != source.stamp:
                since_s = now_s
                self._sightings[source.uri] = (source.stamp, since_s)
            if source.fingerprint is not None or now_s - since_s >= self._rest_s:
                come[stream].append((number, source))
            else:
                held_back_s = min(held_back_s, _arrival_s(source, instant_s))
        for stream, files in come.items():
            self._given[stream] |= {number for number, _ in files}
        given = {source.uri for files in come.values() for _, source in files}
        for uri in (self._sightings.keys() - listed) | given:
            self._sightings.pop(uri, None)
        chunks = (self._runs(stream, files, instant_s) for stream, files in come.items())
        return [chunk for run in chunks for chunk in run], held_back_s

    def _runs(self, stream: str, files: list[tuple[int, Source]], instant_s: float) -> list[Chunk]:
        """Files as chunks: frames of OpenPose that follow one another without silence are one."""
        floor, floor_s = self._floors.get(stream, (0, 0.0))
        files = sorted(files, key=lambda file: file[0])
        together = kind_of(stream) == "openpose"
        runs: list[tuple[int, int, float, bool, Source]] = []
        run, before = 0, (-2, 0.0, True)
        for number, source in files:
            at_s, end = _arrival_s(source, instant_s), source.uri.endswith(END_MARK)
            follows = together and before[0] == number - 1 and not end and not before[2]
            run += not follows or at_s - before[1] > self._silence_s
            before = (number, at_s, end)
            runs.append((run, number, at_s, end, source))
        chunks = []
        for _, group in groupby(runs, key=lambda one: one[0]):
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


def floors(parts: Iterable[Part]) -> dict[str, tuple[int, float]]:
    """For each stream the chunk, and the time in it, up to which parts follow without a hole."""
    found: dict[str, tuple[int, float]] = {}
    for part in sorted(part for part in parts if not part.late):
        floor, _ = found.get(part.stream, (0, 0.0))
        if part.first <= floor:
            whole = part.end_s == float("inf")
            found[part.stream] = (part.last + 1, 0.0) if whole else (part.last, part.end_s)
    return found


def _arrival_s(source: Source, otherwise_s: float) -> float:
    return source.arrived_at.timestamp() if source.arrived_at else otherwise_s
