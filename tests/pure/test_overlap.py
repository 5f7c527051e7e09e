"""Groups overlap as far as they may, and an error of one ends them all."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import nullcontext

import pytest

from repscore.pipelines.overlap import Begun, overlap

LIMIT_S = 20.0


class Work:
    """Groups whose end the test decides."""

    def __init__(self) -> None:
        self.futures: dict[str, Future[str]] = {}
        self.changed = threading.Condition()

    def begin(self, group: str) -> Begun[str] | None:
        if group == "nothing":
            return None
        with self.changed:
            self.futures[group] = Future()
            self.changed.notify_all()
        return Begun(self.futures[group], nullcontext)

    def await_begun(self, *groups: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: set(groups) <= self.futures.keys(), LIMIT_S)


class Source(Iterator[str]):
    """Hands out groups, and says which it was asked for."""

    def __init__(self, *groups: str | Exception) -> None:
        self._groups = iter(groups)
        self.asked = threading.Semaphore(0)

    def __next__(self) -> str:
        self.asked.release()
        group = next(self._groups)
        if isinstance(group, Exception):
            raise group
        return group

    def await_asked(self, times: int) -> None:
        for _ in range(times):
            assert self.asked.acquire(timeout=LIMIT_S)


def run_in_thread(source: Source, work: Work, most: int) -> "Future[list[str]]":
    done: Future[list[str]] = Future()

    def run() -> None:
        try:
            with overlap() as groups:
                done.set_result(list(groups.results(source, work.begin, most)))
        except Exception as error:  # asserted by the test
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return done


def test_two_are_worked_on_and_a_third_is_taken_ahead() -> None:
    source, work = Source("a", "nothing", "b", "c", "d"), Work()
    done = run_in_thread(source, work, most=2)
    work.await_begun("a", "b")
    source.await_asked(4)
    assert not source.asked.acquire(timeout=0.1), "d is not asked for before c has its place"
    assert work.futures.keys() == {"a", "b"}
    work.futures["b"].set_result("B")
    work.await_begun("c")
    work.futures["a"].set_result("A")
    work.await_begun("d")
    for group in "dc":
        work.futures[group].set_result(group.upper())
    assert sorted(done.result(LIMIT_S)) == ["A", "B", "C", "D"]


def test_one_at_a_time() -> None:
    source, work = Source("a", "b"), Work()
    done = run_in_thread(source, work, most=1)
    work.await_begun("a")
    source.await_asked(2)
    assert work.futures.keys() == {"a"}
    work.futures["a"].set_result("A")
    work.await_begun("b")
    work.futures["b"].set_result("B")
    assert done.result(LIMIT_S) == ["A", "B"]


def test_an_error_of_a_group_ends_the_run_when_the_others_have_ended() -> None:
    source, work = Source("a", "b", "c"), Work()
    done = run_in_thread(source, work, most=2)
    work.await_begun("a", "b")
    work.futures["b"].set_exception(OSError("no disk"))
    with pytest.raises(TimeoutError):
        done.result(0.2)
    work.futures["a"].set_exception(OSError("the pool was closed"))
    with pytest.raises(OSError, match="no disk"):
        done.result(LIMIT_S)
    assert work.futures.keys() == {"a", "b"}


def test_an_error_of_the_listing_waits_for_what_had_begun() -> None:
    source, work = Source("a", OSError("no listing")), Work()
    done = run_in_thread(source, work, most=2)
    work.await_begun("a")
    source.await_asked(2)
    with pytest.raises(TimeoutError):
        done.result(0.2)
    work.futures["a"].set_result("A")
    with pytest.raises(OSError, match="no listing"):
        done.result(LIMIT_S)
