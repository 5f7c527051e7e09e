"""A local Ray that ends with the program that needs it, however that ends.

Ray's services are children of a process of their own, the head, and orphans among their children
become its children. It kills all of them when one of the services ends, or when its standard input
does: a pipe that the program holds, so also when the program is killed. Ray by itself leaves
processes behind for a while: its agents tell a GCS that is gone that the raylet is gone.

The head is `python -m repscore.transforms.local_ray FOLDER CPUS BYTES`. It prints `ready ADDRESS`,
and why it ends.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Set
from contextlib import suppress
from typing import IO, Any, Final

from repscore.transforms.errors import words_of
from repscore.transforms.processes import (
    adopt_orphans,
    descendants,
    end_everything,
    hold_back,
    kill_processes,
    new_scratch,
    remove_scratch,
)

_PATIENCE_S: Final = 90.0
_START_S: Final = 150.0
"""For the whole start; the limits for its parts come first."""
_STOP_S: Final = 15.0
_TICK_S: Final = 0.2
_NEEDED: Final = {"gcs_server", "raylet"}
_HELD: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)

_only_once = threading.Lock()


class RayNotStarted(RuntimeError):
    """The services of a local Ray do not run; the message says why."""


class LocalRay:
    """The services of a local Ray, in a folder below `parent`; `close` ends and removes them.

    Raises RayNotStarted.
    """

    def __init__(self, parent: str, cpus: int, store_bytes: int) -> None:
        self._folder = new_scratch(parent)
        # -P: what lies in the current folder is not imported.
        command = [sys.executable, "-P", "-m", __name__, self._folder, str(cpus), str(store_bytes)]
        self._head = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._services: Set[tuple[int, str]] = frozenset()
        word, _, rest = self._line(_START_S).partition(" ")
        if word != "ready":
            self.close()
            raise RayNotStarted(rest or f"no answer within {_START_S:g} s")
        self.address: Final = rest
        self._services = descendants(self._head.pid)

    def ended(self) -> str | None:
        """Why it can do nothing any more; None while it lives."""
        if self._head.poll() is None:
            return None
        _, _, what = self._line(0.0).partition(" ")
        return f"Ray's {what or 'head process'} ended (killed, or out of memory)"

    def close(self) -> None:
        """End its processes and remove its folder."""
        left = self._services | descendants(self._head.pid)
        with self._head:  # closes both pipes
            _pipe(self._head.stdin).close()
            with suppress(subprocess.TimeoutExpired):
                self._head.wait(_STOP_S)
            self._head.kill()
        kill_processes(left)
        remove_scratch(self._folder)

    def _line(self, limit_s: float) -> str:
        """What the head says next; empty where it says nothing."""
        pipe = _pipe(self._head.stdout)
        ready, _, _ = select.select([pipe], [], [], limit_s)
        return pipe.readline().decode(errors="replace").strip() if ready else ""


def _pipe(end: IO[bytes] | None) -> IO[bytes]:
    assert end is not None  # noqa: S101 - it was asked for
    return end


def main() -> None:
    """Run the services until one ends, or standard input."""
    folder, cpus, store_bytes = sys.argv[1:]
    hold_back(*_HELD)  # the program gets them, too, and says what happens
    adopt_orphans()
    program, says = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    threading.Thread(target=_end_with, args=(program, folder), daemon=True).start()
    status, words = 0, ""
    try:
        node = _services(folder, int(cpus), int(store_bytes))
        os.write(says, f"ready {node.gcs_address}\n".encode())
        while not words:
            time.sleep(_TICK_S)
            ended = {kind for kind, _ in node.dead_processes()} & _NEEDED
            words = " and ".join(sorted(ended))
    except Exception as error:  # Ray has no class for it
        status, words = 1, words_of(error)
    os.write(says, f"ended {words}\n".encode())
    _end(folder, status)


def _services(folder: str, cpus: int, store_bytes: int) -> Any:
    """Ray's node; without what watches logs and scales clusters."""
    from ray._private import services  # slow to import
    from ray._private.node import Node
    from ray._private.parameter import RayParams

    limit_s, of_node = time.monotonic() + _PATIENCE_S, services.get_node

    def get_node(*given: Any) -> Any:
        """Node asks for half a minute whether it has come up: too short for a busy machine."""
        while True:
            try:
                return of_node(*given)
            except RuntimeError:
                if time.monotonic() > limit_s:
                    raise
            time.sleep(_TICK_S)

    services.get_node = get_node
    # Ray's types have text for the first.
    without: dict[str, Any] = {"include_log_monitor": False, "no_monitor": True}
    parameters = RayParams(
        num_cpus=cpus,
        object_store_memory=store_bytes,
        include_dashboard=False,
        temp_dir=folder,
        **without,
    )
    return Node(parameters, head=True, shutdown_at_exit=False, ray_init_cluster=True)


def _end_with(pipe: int, folder: str) -> None:
    while os.read(pipe, 1):
        pass
    _end(folder, 0)


def _end(folder: str, status: int) -> None:
    _only_once.acquire()  # the other thread waits for the end of the process
    try:
        end_everything()
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
