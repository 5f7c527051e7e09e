"""What the pose stage asks of a pool."""

import threading
from abc import ABC, abstractmethod
from concurrent.futures import Future

from repscore.transforms.records import Segment, SegmentPoses


class SegmentPool(ABC):
    """Segments in, futures of finished segments out; thread-safe."""

    def __init__(self) -> None:
        self._handed_over: dict[str, Future[SegmentPoses]] = {}
        self._handing_over = threading.Lock()

    @abstractmethod
    def submit(self, segment: Segment) -> "Future[SegmentPoses]":
        """A future of the segment's poses; blocks while too many segments wait."""

    @property
    @abstractmethod
    def actors(self) -> int:
        """How many work for it; none before the first segment that needs one."""

    def take_turn(self) -> None:  # noqa: B027 - not every pool has callers that compete
        """Wait until nobody else hands over segments; for a caller that hands over many.

        So the segments of an earlier caller come before those of a later one.
        """

    def end_turn(self) -> None:  # noqa: B027
        """All segments are handed over."""

    def collect(self, name: str, segment: Segment) -> SegmentPoses | None:
        """The poses of a segment, None while they are not ready; submits it where it was not.

        What is ready is handed out once. Raises what its future holds.
        """
        with self._handing_over:
            future = self._handed_over.get(name)
        if future is None:
            future = self.submit(segment)
            with self._handing_over:
                self._handed_over[name] = future
        if not future.done():
            return None
        with self._handing_over:
            del self._handed_over[name]
        return future.result()
