"""Work in a thread of its own that nobody need wait for when the program ends."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

_T = TypeVar("_T")


def in_thread(call: Callable[[], _T], name: str) -> "Future[_T]":
    """The result of a call that runs beside this thread; the program may end before it does."""
    future: Future[_T] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # raised again by the thread that waits
            future.set_exception(error)

    threading.Thread(target=work, name=name, daemon=True).start()
    return future
