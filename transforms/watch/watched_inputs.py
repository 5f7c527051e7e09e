"""A watched set of inputs: polled by the source of the graph, told of the commits at its end."""

import queue
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from repscore.transforms.discover.sources import InputNotFound, list_files, list_inputs
from repscore.transforms.keypoints.names import chunk_of
from repscore.transforms.records import Known, Video
from repscore.transforms.watch.arrivals import Arrivals, ArrivalStatus, Taken
from repscore.transforms.watch.chunks import Feeds
from repscore.transforms.watch.gather import Chunk

_LISTINGS: Final = 10


@dataclass(frozen=True, slots=True)
class WatchConfig:
    """How inputs are watched.

    Attributes:
        every_s: between two listings; an input has arrived when two in a row agree on it.
        until_idle_s: ends by itself when nothing new has come for so long, counted from the first
            listing on; None never ends.
        room: contents under way at most.
        streams: OpenPose folders and numbered chunks of keypoints are streams without end.
    """

    inputs: tuple[str, ...]
    every_s: float = 10.0
    until_idle_s: float | None = None
    room: int = 32
    streams: bool = False

    def __post_init__(self) -> None:
        if not self.every_s > 0:
            raise ValueError(f"inputs are listed every so many seconds, found {self.every_s}")


@dataclass(frozen=True, slots=True)
class CommitTold:
    """A commit, for whoever follows a watch.

    Attributes:
        videos: contents and recordings of streams; nothing could be used of `failed` of them.
        inputs: those of them that were files.
    """

    committed_at: datetime
    videos: int
    failed: int
    rows: int
    inputs: tuple[Taken, ...]


class Watch:
    """The inputs of one run, in the process that runs it; found by name, see `watch_of`."""

    def __init__(self, config: WatchConfig, known: Mapping[str, Known], key: str) -> None:
        self._config = config
        self._arrivals = Arrivals(
            known, key, rest_s=config.every_s, room=config.room, now_s=time.monotonic()
        )
        self._feeds = Feeds(known, key, rest_s=config.every_s)
        self._stop = threading.Event()
        self._listed = False
        self._unlisted = 0
        self.commits: queue.SimpleQueue[CommitTold] = queue.SimpleQueue()

    @property
    def every_s(self) -> float:
        """Seconds between two polls."""
        return self._config.every_s

    def stop(self) -> None:
        """Take nothing more; what is under way goes on."""
        self._stop.set()

    def over(self) -> bool:
        """Whether nothing more will be taken."""
        if self._stop.is_set():
            return True
        idle_s, status = self._config.until_idle_s, self._arrivals.status()
        busy = status.waiting or status.in_flight or self._feeds.resting or not self._listed
        return not busy and idle_s is not None and time.monotonic() - status.active_s >= idle_s

    def poll(self) -> tuple[Sequence[Video], Sequence[Chunk], float | None]:
        """What has arrived since, and the instant before which no chunk is expected any more.

        Raises the error of the listing when it has failed ten times in a row; a single failure
        costs one poll.
        """
        now_s, instant_s = time.monotonic(), time.time()
        inputs, chunks = self._config.inputs, list[Chunk]()
        try:
            if self._config.streams:
                listing = list(list_files(inputs))
                whole = [source for source in listing if chunk_of(source.uri) is None]
                arrived = self._arrivals.poll(whole, now_s)
                chunks, instant_s = self._feeds.poll(listing, now_s, instant_s)
            else:
                arrived = self._arrivals.poll(list_inputs(inputs), now_s)
        except (InputNotFound, OSError):
            self._unlisted += 1
            if self._unlisted >= _LISTINGS:
                raise
            return (), (), None
        self._unlisted = 0
        if chunks or not self._listed:
            self._listed = True
            self._arrivals.stir(now_s)
        return arrived, chunks, instant_s

    def committed(self, video_ids: Collection[str], failed: int, rows: int) -> None:
        """The rows of these contents are visible."""
        taken = self._arrivals.committed(video_ids, failed, time.monotonic())
        self.commits.put(CommitTold(datetime.now(UTC), len(video_ids), failed, rows, tuple(taken)))

    def status(self) -> ArrivalStatus:
        """A snapshot for display."""
        return self._arrivals.status()


_WATCHES: Final[dict[str, Watch]] = {}


def register(name: str, watch: Watch) -> None:
    """Make a watch known to the stages that run in this process."""
    _WATCHES[name] = watch


def forget(name: str) -> None:
    """The run is over."""
    _WATCHES.pop(name, None)


def watch_of(name: str) -> Watch:
    """The watch of a run; raises RuntimeError in another process than the one that runs it."""
    if name not in _WATCHES:
        raise RuntimeError(
            f"no watch {name} in this process: `watch` needs workers in its own process "
            "(--environment LOOPBACK)"
        )
    return _WATCHES[name]
