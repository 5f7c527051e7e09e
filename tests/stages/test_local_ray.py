"""A local Ray ends with the program that needs it, and takes everything with it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from signal_trials import session, temporary_directory

from repscore.transforms.local_ray import LocalRay, RayNotStarted
from repscore.transforms.processes import descendants

WAIT = "time.sleep(60)"
PROGRAM = """
import os, signal, time
from pathlib import Path
import repscore.pipelines.signals as signals
import repscore.transforms.processes as processes
signals.end_on_signals("score")
processes.own_temporary_directory()
import ray._private.worker as worker
from repscore.transforms.cluster import start_ray
{before}
start_ray()
print(*(number for number, _ in processes.descendants(os.getpid())), flush=True)
{after}
"""


@pytest.fixture
def temporary() -> Iterator[Path]:
    with temporary_directory() as folder:
        yield folder


def start(temporary: Path, before: str = "", after: str = WAIT) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(before=before, after=after)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=os.environ | {"TMPDIR": str(temporary)},
    )  # fmt: skip


def until_nothing_is_left(leader: int, folder: Path, pattern: str) -> None:
    limit_s = time.monotonic() + 60
    while left := [*session(leader), *folder.glob(pattern)]:
        assert time.monotonic() < limit_s, left
        time.sleep(0.1)


def test_nothing_outlives_a_program_that_is_killed(temporary: Path) -> None:
    run = start(temporary, after="os.kill(os.getpid(), signal.SIGKILL)")
    out, errors = run.communicate(timeout=200)
    assert run.returncode == -signal.SIGKILL, errors
    assert len(out.split()) >= 4, "the head, the GCS, the raylet and its agents were running"
    until_nothing_is_left(run.pid, temporary, "*/session_*")


def test_nothing_outlives_a_head_that_is_killed(temporary: Path) -> None:
    ended = LocalRay(str(temporary), 1, 100 << 20)
    services = descendants(ended._head.pid)
    ended._head.kill()
    limit_s = time.monotonic() + 20
    while ended.ended() is None:
        assert time.monotonic() < limit_s
        time.sleep(0.05)
    assert ended.ended() == "Ray's head process ended (killed, or out of memory)"
    ended.close()
    assert not services & descendants(1)
    assert list(temporary.iterdir()) == []


def test_why_it_does_not_start_is_one_line(
    temporary: Path,
) -> None:
    with pytest.raises(RayNotStarted, match="object store memory usage at 1 bytes"):
        LocalRay(str(temporary), 1, 1)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_ray_has_its_own_handlers(number: signal.Signals, temporary: Path) -> None:
    """At the end of `ray.init` those of its C++ library are in place: they print and abort."""
    strike = f"worker._post_init_hooks.append(lambda: (os.kill(os.getpid(), {number:d}), {WAIT}))"
    run = start(temporary, before=strike)
    _, errors = run.communicate(timeout=200)
    assert run.returncode == 128 + number, errors
    assert len(errors.splitlines()) == 1, errors
    assert not session(run.pid)
    assert list(temporary.iterdir()) == []
