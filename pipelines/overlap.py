"""Groups of videos that overlap: while one is worked on, the next begins and a third is hashed."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from repscore.transforms.threads import in_thread

_ENDING_S: Final = 30.0
"""A pipeline without its pool fails at once; a commit that it is in the middle of takes seconds."""

Group = TypeVar("Group")
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Begun(Generic[Result]):
    """A group that is worked on in a thread.

    Attributes:
        follow: shows its progress while a block runs.
    """

    result: "Future[Result]"
    follow: Callable[[], AbstractContextManager[None]]


class Overlap:
    """The groups of a run that are worked on."""

    def __init__(self) -> None:
        self._running: deque[Begun[Any]] = deque()

    def results(
        self,
        groups: Iterator[Group],
        begin: Callable[[Group], Begun[Result] | None],
        most: int,
    ) -> Iterator[Result]:
        """The results of the groups as they end; at most `most` are worked on at once.

        One more group is taken from `groups`, in a thread, before there is a place for it. `begin`
        gives None for a group without work. Raises what `groups` raises, after the groups that had
        begun, and at once what one of these raises.
        """
        running: deque[Begun[Result]] = self._running
        upcoming: Future[Group | None] | None = _next_of(groups)
        while upcoming is not None or running:
            ended = next((begun for begun in running if begun.result.done()), None)
            if ended is not None:
                running.remove(ended)
                yield ended.result.result()
            elif upcoming is not None and _may_begin(upcoming, len(running), most):
                group = upcoming.result()
                upcoming = None if group is None else _next_of(groups)
                begun = None if group is None else begin(group)
                if begun is not None:
                    running.append(begun)
            else:
                awaited: list[Future[Any]] = [begun.result for begun in running]
                if upcoming is not None and not upcoming.done():
                    awaited.append(upcoming)
                with running[0].follow() if running else nullcontext():
                    wait(awaited, None, FIRST_COMPLETED)

    def _end(self) -> None:
        wait([begun.result for begun in self._running], _ENDING_S)


@contextmanager
def overlap() -> Iterator[Overlap]:
    """Where a run fails, wait until its other groups have ended too: for the outermost block."""
    groups = Overlap()
    try:
        yield groups
    finally:
        groups._end()


def _next_of(groups: Iterator[Group]) -> "Future[Group | None]":
    return in_thread(lambda: next(groups, None), "discover")


def _may_begin(upcoming: "Future[Any]", running: int, most: int) -> bool:
    """Whether the next group is there and has a place; an error waits for those that run."""
    if not upcoming.done() or running >= most:
        return False
    return not running or upcoming.exception() is None
