"""Inputs that keep arriving: which of them have arrived, listing by listing."""

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
        waiting: names that were listed and are not in progress: still changing, or no room.
        in_progress: contents that are processed and not yet committed.
        done: contents and recordings of streams committed, `failed` of them without any rows
            but failures.
        oldest_s: when the oldest of those that are not committed was first listed, None without
            any.
        active_s: when something was last listed, taken or committed.
    """

    waiting: int
    in_progress: int
    done: int
    failed: int
    oldest_s: float | None
    active_s: float


@dataclass(frozen=True, slots=True)
class InputInProgress:
    """A content in progress: its name, when it arrived at its source, when it was taken."""

    uri: str
    size_bytes: int
    arrived_at: datetime | None
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class _Listed:
    """An input with the stamp of the latest listings, and since when it has had it."""

    stamp: str
    since_s: float


class Arrivals:
    """Decides, listing by listing, which inputs have arrived; `Changes` says which need work.

    An input has arrived when its stamp has not changed for `rest_s`; an input whose listing holds
    a fingerprint is an object of a store, which is whole at once. At most `room` contents are in
    progress, of small ones (16 MiB together) up to 32 times as many: the others wait in their
    folder, not in memory. A name or a content in progress is not taken again before it is
    committed, so that two versions never overtake each other. What was taken is left alone until
    its stamp changes, even where it failed.

    Memory follows the number of names. One thread polls; the others may call at any time, and do
    not wait while contents are read.
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
        self._changes = Changes(known, config, self._fingerprint)
        self._rest_s, self._room, self._fingerprint_of = rest_s, room, fingerprint_of
        self._listed: dict[str, _Listed] = {}
        self._fingerprints: dict[tuple[str, str], str] = {}
        self._in_progress: dict[str, tuple[float, InputInProgress]] = {}
        self._bytes_in_progress = 0
        self._done = self._failed = 0
        self._active_s = now_s
        self._lock = threading.Lock()

    def poll(self, listing: Iterable[Source], now_s: float) -> list[Video]:
        """What to process now; raises what the listing raises."""
        sources = [source for source in listing if not self._changes.is_current(source)]
        with self._lock:
            self._forget_all_but({source.uri for source in sources})
            rested = [source for source in sources if self._has_rested(source, now_s)]
        arrived: list[Video] = []
        for source in rested:
            if self._has_room(source) and self._is_free(source):
                arrived += self._take(source, now_s)
        return arrived

    def committed(
        self, video_ids: Collection[str], failed: int, now_s: float
    ) -> list[InputInProgress]:
        """The rows of these contents are visible; returns those that came from here."""
        with self._lock:
            done = [self._in_progress.pop(id_) for id_ in video_ids if id_ in self._in_progress]
            self._bytes_in_progress -= sum(input_.size_bytes for _, input_ in done)
            self._done += len(video_ids)
            self._failed += failed
            self._active_s = now_s
            return [input_ for _, input_ in done]

    def stay_active(self, now_s: float) -> None:
        """Something else has happened: the watch is not idle."""
        with self._lock:
            self._active_s = now_s

    def status(self) -> ArrivalStatus:
        """A snapshot for display."""
        with self._lock:
            waiting = [listed.since_s for listed in self._listed.values()]
            in_progress = [since_s for since_s, _ in self._in_progress.values()]
            return ArrivalStatus(
                waiting=len(waiting),
                in_progress=len(in_progress),
                done=self._done,
                failed=self._failed,
                oldest_s=min([*waiting, *in_progress], default=None),
                active_s=self._active_s,
            )

    def _has_rested(self, source: Source, now_s: float) -> bool:
        listed = self._listed.get(source.uri)
        if listed is None or listed.stamp != source.stamp:
            listed = self._listed[source.uri] = _Listed(source.stamp, now_s)
            self._active_s = now_s
        return source.fingerprint is not None or now_s - listed.since_s >= self._rest_s

    def _has_room(self, source: Source) -> bool:
        """Small contents do not wait for the commit of a few others."""
        with self._lock:
            count, size_bytes = len(self._in_progress), self._bytes_in_progress
        small = size_bytes + source.size_bytes <= _SMALL_BYTES and count < _SMALL * self._room
        return count < self._room or small

    def _forget_all_but(self, uris: set[str]) -> None:
        for uri in self._listed.keys() - uris:
            self._fingerprints.pop((uri, self._listed.pop(uri).stamp), None)

    def _is_free(self, source: Source) -> bool:
        """Whether no content that the decision on this input is about is in progress."""
        ids = {video_id_of(content) for content in self._changes.contents_of(source)}
        with self._lock:
            return ids.isdisjoint(self._in_progress)

    def _fingerprint(self, source: Source) -> str:
        """Read once, although an input may wait for several polls."""
        key = (source.uri, source.stamp)
        if key not in self._fingerprints:
            self._fingerprints[key] = self._fingerprint_of(source)
        return self._fingerprints[key]

    def _take(self, source: Source, now_s: float) -> list[Video]:
        videos, now = self._changes.decide(source), datetime.now(UTC)
        self._fingerprints.pop((source.uri, source.stamp), None)
        with self._lock:
            since_s = self._listed.pop(source.uri).since_s
            for video in videos:
                taken = InputInProgress(video.uri, video.size_bytes, video.arrived_at, now)
                self._in_progress[video.video_id] = (since_s, taken)
                self._bytes_in_progress += video.size_bytes
            self._active_s = now_s
        return videos
