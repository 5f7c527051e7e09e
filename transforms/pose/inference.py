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
    concatenate_landmarks,
)

Images = npt.NDArray[np.uint8]
_Result = TypeVar("_Result")
_Boxes = tuple[FloatArray, FloatArray]

LARGEST_BATCH: Final = 64


class BatchingNetwork:
    """A `Network` that many threads may call at once.

    Requests that arrive while the device is busy wait, and make up the next batch: no request waits
    for a batch to fill, and a caller has one request at a time, so what waits is bounded by the
    number of callers. A batch that the device has no memory for is halved, and so are all that
    follow.
    """

    def __init__(self, network: Network, largest_batch: int = LARGEST_BATCH) -> None:
        self.identity: Mapping[str, str] = network.identity
        self._detector = _Batches(
            network.infer_detector, _boxes_part, _concatenate_boxes, largest_batch
        )
        self._landmarks = _Batches(
            network.infer_landmarks, CropLandmarks.part, concatenate_landmarks, largest_batch
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
class _Request(Generic[_Result]):
    images: Images
    result: _Result | None = None
    error: Exception | None = None

    @property
    def is_open(self) -> bool:
        return self.result is None and self.error is None


@dataclass(eq=False)
class _Batches(Generic[_Result]):
    """The requests to one of the models; `largest` is how many images go at once."""

    run: Callable[[Images], _Result]
    part: Callable[[_Result, int, int], _Result]
    join: Callable[[Sequence[_Result]], _Result]
    largest: int
    batches: int = 0
    images: int = 0
    _waiting: deque[_Request[_Result]] = field(default_factory=deque)
    _device: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, images: Images) -> _Result:
        request: _Request[_Result] = _Request(images)
        self._waiting.append(request)
        with self._device:  # the first to get it runs all that have arrived meanwhile
            while request.is_open:
                self._run_requests(self._next_batch())
        if request.error is not None:
            raise request.error
        assert request.result is not None  # noqa: S101
        return request.result

    def _next_batch(self) -> list[_Request[_Result]]:
        gathered = [self._waiting.popleft()]
        count = len(gathered[0].images)
        while self._waiting and count + len(self._waiting[0].images) <= self.largest:
            gathered.append(self._waiting.popleft())
            count += len(gathered[-1].images)
        return gathered

    def _run_requests(self, requests: Sequence[_Request[_Result]]) -> None:
        images = [request.images for request in requests]
        try:
            result = self._run(images[0] if len(images) == 1 else np.concatenate(images))
        except Exception as error:  # each caller handles it in its own thread
            for request in requests:
                request.error = error
            return
        end = 0
        for request in requests:
            start, end = end, end + len(request.images)
            request.result = self.part(result, start, end)

    def _run(self, images: Images) -> _Result:
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


def _concatenate_boxes(parts: Sequence[_Boxes]) -> _Boxes:
    boxes, scores = zip(*parts, strict=True)
    return np.concatenate(boxes), np.concatenate(scores)
