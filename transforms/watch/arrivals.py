"""Inputs that keep arriving: one listing after the other, held against what is known."""

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from repscore.transforms.discover.changes import Changes
from repscore.transforms.discover.sources import Source, fingerprint
from repscore.transforms.records import Known, Video, video_id_of

_SMALL: Final = 32
_SMALL_BYTES: Final = 1 << 24


@dataclass(frozen=True, slots=True)
class ArrivalStatus:
    """What a progress display shows.

    Attributes:
        waiting: names that were seen and are not under way: not at rest, or no room.
        in_flight: contents under way, not yet committed.
        done: contents and recordings of streams committed, `failed` of them without any rows
            but failures.
        oldest_s: when the oldest of those that are not committed was seen first, None without any.
        active_s: when something was last seen, handed out or committed.
    """

    waiting: int
    in_flight: int
    done: int
    failed: int
    oldest_s: float | None
    active_s: float


@dataclass(frozen=True, slots=True)
class Taken:
    """A content under way: its name, when it arrived at its source, when it was handed out."""

    uri: str
    size_bytes: int
    arrived_at: datetime | None
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class _Sighting:
    stamp: str
    since_s: float


class Arrivals:
    """Decides, listing by listing, which inputs have arrived.

    An input has arrived when its stamp has rested for `rest_s`; what a listing holds a fingerprint
    of is an object of a store, which is whole by nature. At most `room` contents are under way, of
    small ones (16 MiB together) up to 32 times as many: the others wait in their folder, not in
    memory. A name or a content that is under way is not
    handed out again before it is committed, so that two versions never overtake each other. What
    was handed out is left alone until its stamp changes, whatever became of it.

    Memory follows the number of names. Thread-safe.
    """

    def __init__(
        self,
        known: Mapping[str, Known],
        config: str,
        *,
        rest_s: float,
        room: int,
        now_s: float,
        fingerprint_of: Callable[[Source], str] = fingerprint,
    ) -> None:
        self._changes = Changes(known, config, self._content_of)
        self._settled = {row.uri: row.stamp for row in known.values() if row.config == config}
        self._rest_s, self._room, self._fingerprint_of = rest_s, room, fingerprint_of
        self._sightings: dict[str, _Sighting] = {}
        self._contents: dict[tuple[str, str], str] = {}
        self._in_flight: dict[str, tuple[float, Taken]] = {}
        self._done = self._failed = 0
        self._active_s = now_s
        self._lock = threading.Lock()

    def poll(self, listing: Iterable[Source], now_s: float) -> list[Video]:
        """What to process now; raises what the listing raises."""
        listed = [source for source in listing if self._settled.get(source.uri) != source.stamp]
        with self._lock:
            self._forget_the_gone({source.uri for source in listed})
            arrived: list[Video] = []
            for source in listed:
                seen = self._sightings.get(source.uri)
                if seen is None or seen.stamp != source.stamp:
                    seen = self._sightings[source.uri] = _Sighting(source.stamp, now_s)
                    self._active_s = now_s
                rested = source.fingerprint is not None or now_s - seen.since_s >= self._rest_s
                if rested and self._has_room(source) and self._is_free(source):
                    arrived += self._hand_out(source, seen.since_s)
                    self._active_s = now_s
            return arrived

    def committed(self, video_ids: Collection[str], failed: int, now_s: float) -> list[Taken]:
        """The rows of these contents are visible; returns those that came from here."""
        with self._lock:
            done = [self._in_flight.pop(id_) for id_ in video_ids if id_ in self._in_flight]
            self._done += len(video_ids)
            self._failed += failed
            self._active_s = now_s
            return [taken for _, taken in done]

    def stir(self, now_s: float) -> None:
        """Something else has happened: the watch is not idle."""
        with self._lock:
            self._active_s = now_s

    def status(self) -> ArrivalStatus:
        """A snapshot for display."""
        with self._lock:
            seen = [sighting.since_s for sighting in self._sightings.values()]
            under_way = [since_s for since_s, _ in self._in_flight.values()]
            oldest_s = min([*seen, *under_way], default=None)
            return ArrivalStatus(
                waiting=len(seen),
                in_flight=len(under_way),
                done=self._done,
                failed=self._failed,
                oldest_s=oldest_s,
                active_s=self._active_s,
            )

    def _has_room(self, source: Source) -> bool:
        """Small contents do not wait for the commit of a few others."""
        count = len(self._in_flight)
        size_bytes = sum(taken.size_bytes for _, taken in self._in_flight.values())
        small = size_bytes + source.size_bytes <= _SMALL_BYTES and count < _SMALL * self._room
        return count < self._room or small

    def _forget_the_gone(self, listed: set[str]) -> None:
        for uri in self._sightings.keys() - listed:
            seen = self._sightings.pop(uri)
            self._contents.pop((uri, seen.stamp), None)

    def _is_free(self, source: Source) -> bool:
        """Whether nothing that the decision on this input touches is under way."""
        before = self._changes.content_of(source.uri)
        try:
            contents = {self._content_of(source), before}
        except OSError:  # which the decision turns into a failure
            contents = {f"unread:{source.uri}", before}
        return not any(
            video_id_of(content) in self._in_flight for content in contents if content is not None
        )

    def _content_of(self, source: Source) -> str:
        key = (source.uri, source.stamp)
        if key not in self._contents:
            self._contents[key] = self._fingerprint_of(source)
        return self._contents[key]

    def _hand_out(self, source: Source, since_s: float) -> list[Video]:
        decided = [found for found in self._changes([source]) if isinstance(found, Video)]
        now = datetime.now(UTC)
        self._in_flight |= {
            video.video_id: (since_s, Taken(video.uri, video.size_bytes, video.arrived_at, now))
            for video in decided
        }
        self._settled[source.uri] = source.stamp
        del self._sightings[source.uri]
        self._contents.pop((source.uri, source.stamp), None)
        return decided
