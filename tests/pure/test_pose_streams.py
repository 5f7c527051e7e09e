"""Many streams in the steps of one estimator: batches are full, and nobody notices the others."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import fakes
import numpy as np
import pytest

from repscore.models.estimator import DeviceFault, OutOfMemory, People, Unavailable
from repscore.transforms.pose.streams import Streams, TimedPeople, most_open
from repscore.transforms.video.picture import Frame

LIMIT_S = 60


class Counter:
    """Remembers how many frames a stream has had, and gives its number and the frame's level."""

    def __init__(self, during: Callable[[Sequence[int]], None] = lambda _: None) -> None:
        self.sizes: list[int] = []
        self._during = during

    def begin(self) -> int:
        return 0

    def step(
        self, streams: Sequence[int], frames_bgr: Sequence[np.ndarray], times_s: Sequence[float]
    ) -> tuple[list[int], list[People]]:
        levels = [int(frame[0, 0, 0]) for frame in frames_bgr]
        self._during(levels)
        self.sizes.append(len(streams))
        people = [
            People(np.array([count]), np.full((1, 33, 3), level), np.empty(0), np.empty(0))
            for count, level in zip(streams, levels, strict=True)
        ]
        return [count + 1 for count in streams], people

    def device_s(self) -> tuple[float, float]:
        return 0.0, 0.0


def follow(streams: Streams, level: int, frames: int, warm_up: int = 0) -> Sequence[TimedPeople]:
    """A stream of pictures of one level, in the calling thread."""
    with streams.open() as stream:
        for number in range(frames):
            picture = np.full((2, 2, 3), level, np.uint8)
            stream.put(Frame(number / 10, picture, number < warm_up))
        return stream.people()


def all_of(streams: Streams, levels: Sequence[int], frames: int) -> list[Any]:
    """What each stream gives, or its error; as many are open at once as the worker would have."""
    with ThreadPoolExecutor(most_open(streams.status().places)) as threads:
        futures = [threads.submit(follow, streams, level, frames) for level in levels]
        return [future.exception(LIMIT_S) or future.result() for future in futures]


def expected(level: int, frames: int) -> list[tuple[int, int]]:
    return [(number, level) for number in range(frames)]


def said(people: Sequence[TimedPeople]) -> list[tuple[int, int]]:
    return [(int(p.person[0]), int(p.image_px[0, 0, 0])) for _, p in people]


def test_batches_are_full_while_streams_wait_and_results_are_ones_own() -> None:
    """The device takes as long as a small one, so that threads have time to start."""
    estimator = Counter(lambda _: time.sleep(0.01))
    streams = Streams(estimator, 8)
    results = all_of(streams, range(40), 25)
    assert [said(people) for people in results] == [expected(level, 25) for level in range(40)]
    assert sum(estimator.sizes) == 40 * 25
    early = estimator.sizes[: len(estimator.sizes) * 3 // 4]  # later fewer streams are left
    assert np.mean(early) >= 0.9 * 8
    assert max(estimator.sizes) == 8
    status = streams.status()
    assert (status.streams, status.frames, status.stepped) == (0, 0, 1000)
    assert status.steps == len(estimator.sizes)


def test_one_place_is_the_same_as_many() -> None:
    assert said(follow(Streams(Counter()), 7, 12)) == expected(7, 12)


def test_frames_of_the_warm_up_are_estimated_and_left_out() -> None:
    people = follow(Streams(Counter()), 7, 5, warm_up=2)
    assert said(people) == [(2, 7), (3, 7), (4, 7)]
    assert [time_s for time_s, _ in people] == [0.2, 0.3, 0.4]


def test_an_error_ends_the_stream_whose_frame_it_is() -> None:
    def poisoned(levels: Sequence[int]) -> None:
        if 13 in levels:
            raise ZeroDivisionError("a bug in the estimator")

    results = all_of(Streams(Counter(poisoned), 16), range(16), 10)
    assert isinstance(results.pop(13), ZeroDivisionError)
    assert [len(people) for people in results] == [10] * 15


def test_an_estimator_that_leaves_out_a_stream_is_an_error_and_nobody_waits() -> None:
    class Forgetful(Counter):
        def step(self, *arguments: Any) -> tuple[list[int], list[People]]:
            memories, people = super().step(*arguments)
            return memories, people[1:]

    results = all_of(Streams(Forgetful(), 4), range(4), 5)
    assert [type(result) for result in results] == [ValueError] * 4


def test_a_batch_that_is_too_large_is_halved_for_good() -> None:
    def small(levels: Sequence[int]) -> None:
        if len(levels) > 3:
            raise OutOfMemory("room for 3")

    streams = Streams(Counter(small), 16)
    results = all_of(streams, range(16), 10)
    assert [said(people) for people in results] == [expected(level, 10) for level in range(16)]
    assert streams.status().places in (2, 3)


def test_a_single_frame_that_is_too_large_is_the_error_of_its_stream() -> None:
    def none(levels: Sequence[int]) -> None:
        raise OutOfMemory(f"no room for {len(levels)}")

    with pytest.raises(OutOfMemory, match="no room for 1"):
        follow(Streams(Counter(none), 4), 1, 3)


def test_a_fault_of_the_device_ends_all_streams_and_those_to_come() -> None:
    def broken(levels: Sequence[int]) -> None:
        if 3 in levels:
            raise DeviceFault("an illegal memory access")

    streams = Streams(Counter(broken), 8)
    results = all_of(streams, range(8), 1000)
    assert all(isinstance(result, DeviceFault) for result in results)
    with pytest.raises(DeviceFault, match="illegal"):
        follow(streams, 1, 1)


def test_a_stream_that_stalls_is_not_waited_for() -> None:
    """It gives a frame and then nothing, until all the others have ended."""
    streams, ended = Streams(Counter(), 4), threading.Event()

    def stalling() -> Sequence[TimedPeople]:
        with streams.open() as stream:
            stream.put(Frame(0.0, np.zeros((2, 2, 3), np.uint8), False))
            assert ended.wait(LIMIT_S)
            return stream.people()

    with ThreadPoolExecutor(4) as threads:
        stalled = threads.submit(stalling)
        others = [threads.submit(follow, streams, level, 200) for level in (1, 2, 3)]
        assert [len(other.result(LIMIT_S)) for other in others] == [200] * 3
        ended.set()
        assert len(stalled.result(LIMIT_S)) == 1


def test_an_estimator_of_one_stream_has_one_place() -> None:
    assert len(follow(Streams(fakes.Brightness()), 5, 4)) == 4
    with pytest.raises(Unavailable, match="Brightness follows one stream at a time"):
        Streams(fakes.Brightness(), 2)
