"""One network for many threads: what waits while a batch runs becomes the next batch."""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from repscore.models.blazepose.network import (
    CropLandmarks,
    FloatArray,
    Network,
    OutOfMemory,
    together,
)

Images = npt.NDArray[np.uint8]
_Found = TypeVar("_Found")
_Boxes = tuple[FloatArray, FloatArray]

LARGEST_BATCH: Final = 64


class BatchingNetwork:
    """A `Network` that many threads may ask at once.

    Whoever comes while the device is busy waits, and goes with all the others who wait in the next
    batch: nobody waits for a batch to fill, and a caller has one request under way, so what waits
    is bounded by the number of callers. A batch that the device has no room for is halved, and so
    are all that follow.
    """

    def __init__(self, network: Network, largest_batch: int = LARGEST_BATCH) -> None:
        self.identity: Mapping[str, str] = network.identity
        self._detector = _Batches(
            network.infer_detector, _boxes_part, _boxes_together, largest_batch
        )
        self._landmarks = _Batches(
            network.infer_landmarks, CropLandmarks.part, together, largest_batch
        )

    def infer_detector(self, images: Images) -> _Boxes:
        """See `Network`."""
        return self._detector(images)

    def infer_landmarks(self, crops: Images) -> CropLandmarks:
        """See `Network`."""
        return self._landmarks(crops)

    def status(self) -> Mapping[str, int]:
        """Batches run, crops in them, and the largest batch that is tried now."""
        done = self._landmarks
        return {"batches": done.batches, "crops": done.images, "largest_batch": done.largest}


@dataclass(eq=False)
class _Request(Generic[_Found]):
    images: Images
    found: _Found | None = None
    error: Exception | None = None

    @property
    def is_open(self) -> bool:
        return self.found is None and self.error is None


@dataclass(eq=False)
class _Batches(Generic[_Found]):
    """The requests to one of the models; `largest` is how many images go at once."""

    run: Callable[[Images], _Found]
    part: Callable[[_Found, int, int], _Found]
    join: Callable[[Sequence[_Found]], _Found]
    largest: int
    batches: int = 0
    images: int = 0
    _waiting: deque[_Request[_Found]] = field(default_factory=deque)
    _device: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, images: Images) -> _Found:
        own: _Request[_Found] = _Request(images)
        self._waiting.append(own)
        with self._device:  # the first to get it works off all that have come meanwhile
            while own.is_open:
                self._work_off(self._gathered())
        if own.error is not None:
            raise own.error
        assert own.found is not None  # noqa: S101
        return own.found

    def _gathered(self) -> list[_Request[_Found]]:
        gathered = [self._waiting.popleft()]
        count = len(gathered[0].images)
        while self._waiting and count + len(self._waiting[0].images) <= self.largest:
            gathered.append(self._waiting.popleft())
            count += len(gathered[-1].images)
        return gathered

    def _work_off(self, requests: Sequence[_Request[_Found]]) -> None:
        images = [request.images for request in requests]
        try:
            found = self._run(images[0] if len(images) == 1 else np.concatenate(images))
        except Exception as error:  # its callers' to handle, each in its own thread
            for request in requests:
                request.error = error
            return
        end = 0
        for request in requests:
            start, end = end, end + len(request.images)
            request.found = self.part(found, start, end)

    def _run(self, images: Images) -> _Found:
        """All images, in as many batches as the device needs; OutOfMemory if one is too many."""
        parts, done = [], 0
        while done < len(images):
            batch = images[done : done + self.largest]
            try:
                parts.append(self.run(batch))
            except OutOfMemory:
                if len(batch) == 1:
                    raise
                self.largest = len(batch) // 2
                continue
            done += len(batch)
            self.batches += 1
            self.images += len(batch)
        return self.join(parts)


def _boxes_part(boxes: _Boxes, start: int, end: int) -> _Boxes:
    return boxes[0][start:end], boxes[1][start:end]


def _boxes_together(parts: Sequence[_Boxes]) -> _Boxes:
    boxes, scores = zip(*parts, strict=True)
    return np.concatenate(boxes), np.concatenate(scores)
