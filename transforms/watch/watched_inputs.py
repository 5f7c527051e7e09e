"""The inputs of `watch`: polled by the source of the graph, which the commits report back to."""

import queue
import threading
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from repscore.transforms.discover.sources import InputNotFound, list_files, list_inputs
from repscore.transforms.keypoints.names import chunk_of
from repscore.transforms.records import Known, Video
from repscore.transforms.watch.arrivals import Arrivals, ArrivalStatus, InputInProgress
from repscore.transforms.watch.chunks import ChunkArrivals
from repscore.transforms.watch.gather import Chunk

_LISTINGS: Final = 10


@dataclass(frozen=True, slots=True)
class WatchConfig:
    """How inputs are watched.

    Attributes:
        every_s: between two listings; an input has arrived when it is the same in two in a row.
        until_idle_s: ends by itself when nothing new has arrived for so long, counted from the
            first listing on; None never ends.
        room: contents in progress at most.
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
class CommitReport:
    """A commit, as `watch --json` prints it.

    Attributes:
        videos: contents and recordings of streams; nothing could be used of `failed` of them.
        inputs: those of them that were files.
    """

    committed_at: datetime
    videos: int
    failed: int
    rows: int
    inputs: tuple[InputInProgress, ...]


class WatchedInputs:
    """The inputs of one run, in the process that runs it; `watched_inputs` finds them by name.

    Attributes:
        passed_over: what the folders held besides at the latest listing, by suffix or kind.
    """

    def __init__(self, config: WatchConfig, known: Mapping[str, Known], key: str) -> None:
        self._config = config
        self._arrivals = Arrivals(
            known, key, rest_s=config.every_s, room=config.room, now_s=time.monotonic()
        )
        self._chunks = ChunkArrivals(known, key, rest_s=config.every_s)
        self._stop = threading.Event()
        self._listed = False
        self._failed_listings = 0
        self.passed_over: Counter[str] = Counter()
        self.commits: queue.SimpleQueue[CommitReport] = queue.SimpleQueue()

    @property
    def every_s(self) -> float:
        """Seconds between two polls."""
        return self._config.every_s

    def stop(self) -> None:
        """Take no more inputs; those in progress go on."""
        self._stop.set()

    def over(self) -> bool:
        """Whether no more inputs will be taken."""
        if self._stop.is_set():
            return True
        idle_s, status = self._config.until_idle_s, self._arrivals.status()
        busy = status.waiting or status.in_progress or self._chunks.resting or not self._listed
        return not busy and idle_s is not None and time.monotonic() - status.active_s >= idle_s

    def poll(self) -> tuple[Sequence[Video], Sequence[Chunk], float | None]:
        """What has arrived since the last poll, and the instant before which all chunks have.

        Raises the error of the listing when it has failed ten times in a row; a single failure
        costs one poll.
        """
        now_s, instant_s = time.monotonic(), time.time()
        inputs, chunks = self._config.inputs, list[Chunk]()
        passed_over: Counter[str] = Counter()
        try:
            if self._config.streams:
                listing = list(list_files(inputs, passed_over))
                whole = [source for source in listing if chunk_of(source.uri) is None]
                arrived = self._arrivals.poll(whole, now_s)
                chunks, instant_s = self._chunks.poll(listing, now_s, instant_s)
            else:
                arrived = self._arrivals.poll(list_inputs(inputs, passed_over), now_s)
        except (InputNotFound, OSError):
            self._failed_listings += 1
            if self._failed_listings >= _LISTINGS:
                raise
            return (), (), None
        self._failed_listings = 0
        self.passed_over = passed_over
        if chunks or not self._listed:
            self._listed = True
            self._arrivals.stay_active(now_s)
        return arrived, chunks, instant_s

    def committed(self, video_ids: Collection[str], failed: int, rows: int) -> None:
        """The rows of these contents are visible."""
        inputs = tuple(self._arrivals.committed(video_ids, failed, time.monotonic()))
        self.commits.put(CommitReport(datetime.now(UTC), len(video_ids), failed, rows, inputs))

    def status(self) -> ArrivalStatus:
        """A snapshot for display."""
        return self._arrivals.status()


_RUNS: Final[dict[str, WatchedInputs]] = {}


def register(name: str, inputs: WatchedInputs) -> None:
    """Make the inputs of a run known to the stages that run in this process."""
    _RUNS[name] = inputs


def unregister(name: str) -> None:
    """The run is over."""
    _RUNS.pop(name, None)


def watched_inputs(name: str) -> WatchedInputs:
    """The inputs of a run; raises RuntimeError in another process than the one that runs it."""
    if name not in _RUNS:
        raise RuntimeError(
            f"run {name} is not in this process: `watch` needs workers in its own process "
            "(--environment LOOPBACK)"
        )
    return _RUNS[name]
