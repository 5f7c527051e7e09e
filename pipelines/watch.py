"""`repscore watch`: the same graph on inputs that keep arriving, until told to stop."""

import ctypes
import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from typing import Any, Final

import click

from repscore.pipelines.options import ScoreOptions
from repscore.pipelines.progress import console
from repscore.pipelines.score import OpenRun, RunReport, opened
from repscore.transforms.cluster import start_ray
from repscore.transforms.pose.pool import PoolStatus
from repscore.transforms.watch.arrivals import ArrivalStatus
from repscore.transforms.watch.watched_inputs import Watch, WatchConfig, forget, register

BATCH_S: Final = 5.0
COMPACT_EVERY: Final = 60
_STATE: Final = (
    *("pose held", "repetitions held", "repetitions recordings"),
    *("streams held", "streams streams"),
)
"""Counters of what the stages keep in state."""

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # malloc.h

_TICK_S: Final = 0.2
_LINE_S: Final = 15.0


class NotDrained(RuntimeError):
    """What was under way did not end within the limit."""


def run(
    options: ScoreOptions, watching: WatchConfig, *, grace_s: float, quiet: bool, as_json: bool
) -> RunReport:
    """Score what arrives until told to stop, or until nothing has come for long enough.

    SIGTERM and SIGINT end it: nothing more is taken, what is under way is committed, for
    `grace_s` at most. A second one raises KeyboardInterrupt. Raises UnusableConfiguration,
    PrismDied, NotDrained.
    """
    from repscore.pipelines.runner.runner import Runner

    _give_memory_back()
    with opened(options, "watch", quiet=quiet) as begun, closing(Runner(options.runner)) as runner:
        start_ray(options.pool.ray_address)  # now: it sets handlers of signals, as we do below
        watch = Watch(watching, begun.known, begun.stamp.config)
        name = begun.stamp.run_id
        register(name, watch)
        try:
            pipeline = _graph(runner, begun, name)
            counts = _follow(runner, pipeline, watch, begun, grace_s, quiet=quiet, as_json=as_json)
        finally:
            forget(name)
        told = watch.status()  # Prism's own counters were once short of a commit at the end
        counts["discover in"] = counts["write in"] = told.done
        counts["write failed"] = told.failed
        return begun.close(counts, skipped=0)


def _give_memory_back() -> None:
    """What is freed goes back to the system.

    Else glibc keeps a heap per thread, and in each what the largest commit and listing took.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # glibc
        libc.mallopt(_M_ARENA_MAX, 2)
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 17)


def _graph(runner: Any, begun: OpenRun, name: str) -> Any:
    import apache_beam as beam

    from repscore.pipelines.group import commits_of
    from repscore.transforms.watch.stage import WatchVideos
    from repscore.transforms.watch.watched_inputs import watch_of

    pipeline = runner.pipeline(streaming=True)
    videos = pipeline | "Videos" >> WatchVideos(name, begun.options.poses.keypoints_fps)
    commits = commits_of(videos, begun.options, begun.scorer, begun.stamp, BATCH_S, COMPACT_EVERY)
    _ = commits | "Tell the source" >> beam.Map(
        lambda commit: watch_of(name).committed(commit.video_ids, commit.failed, commit.rows)
    )
    return pipeline


def _follow(
    runner: Any,
    pipeline: Any,
    watch: Watch,
    begun: OpenRun,
    grace_s: float,
    *,
    quiet: bool,
    as_json: bool,
) -> Counter[str]:
    """Run the pipeline in a thread, and show how it gets on, until it ends; its counters."""
    outcome: list[Counter[str] | BaseException] = []

    def work() -> None:
        try:
            outcome.append(runner.run(pipeline))
        except BaseException as error:  # raised again by the thread that waits
            outcome.append(error)

    thread = threading.Thread(target=work, name="pipeline", daemon=True)

    def line() -> str:
        return line_of(watch.status(), begun.pool.status(), time.monotonic())

    line_s, out, silent = 0.0, console(), quiet or as_json
    with ExitStack() as things:
        stopped = things.enter_context(_stopping(watch))
        live = None
        if out.is_terminal and not silent:
            live = things.enter_context(out.status(line()))
        thread.start()
        while thread.is_alive():
            thread.join(_TICK_S)
            _show_commits(watch, runner, as_json=as_json)
            if stopped and time.monotonic() - stopped[0] > grace_s:
                raise NotDrained(
                    f"what was under way did not end within {grace_s:g} s; the same command goes "
                    "on where it stopped"
                )
            if live is not None:
                live.update(line())
            elif not silent and time.monotonic() - line_s > _LINE_S:
                line_s = time.monotonic()
                out.print(line())
    _show_commits(watch, runner, as_json=as_json)
    (found,) = outcome
    if isinstance(found, BaseException):
        raise found
    return found


@contextmanager
def _stopping(watch: Watch) -> Iterator[list[float]]:
    """Handle signals: when the first came is in the list, the second interrupts."""
    stopped: list[float] = []

    def handle(number: int, frame: object) -> None:  # noqa: ARG001 - the signature of handlers
        if stopped:
            raise KeyboardInterrupt
        stopped.append(time.monotonic())
        watch.stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show_commits(watch: Watch, runner: Any, *, as_json: bool) -> None:
    while not watch.commits.empty():
        told = watch.commits.get()
        if as_json:
            click.echo(json.dumps(asdict(told) | {"state": _state(runner)}, default=str))


def _state(runner: Any) -> dict[str, int] | None:
    """What the stages keep in state now; None where the runner has ended, as its own error says."""
    import grpc  # type: ignore[import-untyped]

    try:
        counts = runner.counters()
    except grpc.RpcError:
        return None
    return {name: counts[name] for name in _STATE}


def line_of(inputs: ArrivalStatus, poses: PoolStatus, now_s: float) -> str:
    """What is shown while it runs; `now_s` is a monotonic clock."""
    lag_s = now_s - inputs.oldest_s if inputs.oldest_s is not None else 0.0
    arrived = inputs.waiting + inputs.in_flight + inputs.done
    rate = f", {poses.frames / poses.span_s:.0f} frames/s" if poses.span_s else ""
    return (
        f"arrived {arrived}, waiting {inputs.waiting}, under way {inputs.in_flight}, "
        f"done {inputs.done}, failed {inputs.failed}, lag {lag_s:.0f} s{rate}"
    )
