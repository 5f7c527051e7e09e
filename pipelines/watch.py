"""`repscore watch`: the same graph on inputs that keep arriving, until stopped."""

import ctypes
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from typing import Any, Final

from repscore.pipelines.options import ScoreOptions
from repscore.pipelines.progress import console
from repscore.pipelines.report import RunReport, RunState
from repscore.pipelines.score import OpenRun, opened
from repscore.pipelines.signals import first_signal_asks
from repscore.pipelines.terminal import echo
from repscore.transforms.errors import DatasetUnusable
from repscore.transforms.pose.figures import PoseFigures
from repscore.transforms.watch.arrivals import ArrivalStatus
from repscore.transforms.watch.watched_inputs import (
    WatchConfig,
    WatchedInputs,
    register,
    unregister,
)

BATCH_S: Final = 5.0
TEND_EVERY: Final = 60
_STATE: Final = (
    *("pose held", "repetitions held", "repetitions recordings"),
    *("streams held", "streams streams"),
)
"""Counters of what the stages keep in state."""

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # malloc.h

_TICK_S: Final = 0.2
_LINE_S: Final = 15.0


class NotDrained(DatasetUnusable):
    """The inputs in progress were not finished within the limit."""


def run(
    options: ScoreOptions, watching: WatchConfig, *, grace_s: float, quiet: bool, as_json: bool
) -> RunReport:
    """Score what arrives until stopped, or until nothing has come for long enough.

    SIGTERM and SIGINT end it: no more inputs are taken, those in progress are committed, for
    `grace_s` at most. A second one ends the program. Raises UnusableConfiguration, PrismDied,
    PoolBroken, NotDrained.
    """
    from repscore.pipelines.runner.runner import Runner

    _give_memory_back()
    with (
        opened(options, "watch", quiet=quiet) as open_run,
        closing(Runner(options.runner)) as runner,
    ):
        inputs = WatchedInputs(watching, open_run.known, open_run.stamp.config)
        name = open_run.stamp.run_id
        register(name, inputs)

        def state() -> RunState | None:
            counts = _counters(runner)
            return None if counts is None else open_run.state(counts, 0, inputs.status())

        with open_run.published(state) as end:
            try:
                pipeline = _graph(runner, open_run, name)
                counts = _follow(
                    runner, pipeline, inputs, open_run, grace_s, quiet=quiet, as_json=as_json
                )
            finally:
                unregister(name)
            status = inputs.status()  # Prism's own counters once lacked the last commit
            counts["discover in"] = counts["write in"] = status.done
            counts["write failed"] = status.failed
            return end(open_run.close(counts, 0, inputs.passed_over))


def _give_memory_back() -> None:
    """Return freed memory to the system.

    Otherwise glibc keeps a heap per thread, each as large as the largest commit or listing was.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # glibc
        libc.mallopt(_M_ARENA_MAX, 2)
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 17)


def _graph(runner: Any, open_run: OpenRun, name: str) -> Any:
    import apache_beam as beam

    from repscore.pipelines.group import commits_of
    from repscore.transforms.watch.stage import WatchVideos
    from repscore.transforms.watch.watched_inputs import watched_inputs

    options = open_run.options
    pipeline = runner.pipeline(streaming=True)
    videos = pipeline | "Videos" >> WatchVideos(name, options.poses.rate_of_keypoints)
    commits = commits_of(videos, options, open_run.scorer, open_run.stamp, BATCH_S, TEND_EVERY)
    _ = commits | "Report to the source" >> beam.Map(
        lambda commit: watched_inputs(name).committed(commit.video_ids, commit.failed, commit.rows)
    )
    return pipeline


def _follow(
    runner: Any,
    pipeline: Any,
    inputs: WatchedInputs,
    open_run: OpenRun,
    grace_s: float,
    *,
    quiet: bool,
    as_json: bool,
) -> Counter[str]:
    """Run the pipeline in a thread, and show its progress, until it ends; its counters."""
    outcome: list[Counter[str] | BaseException] = []

    def work() -> None:
        try:
            outcome.append(runner.run(pipeline))
        except BaseException as error:  # raised again by the thread that waits
            outcome.append(error)

    thread = threading.Thread(target=work, name="pipeline", daemon=True)

    def line() -> str:
        return line_of(inputs.status(), open_run.pool.status(), time.monotonic())

    line_s, out, silent = 0.0, console(), quiet or as_json
    with ExitStack() as stack:
        stopped = stack.enter_context(_stopping(inputs))
        live = None
        if out.is_terminal and not silent:
            live = stack.enter_context(out.status(line()))
        thread.start()
        while thread.is_alive():
            thread.join(_TICK_S)
            _show_commits(inputs, runner, as_json=as_json)
            if stopped and time.monotonic() - stopped[0] > grace_s:
                raise NotDrained(f"the inputs in progress were not finished within {grace_s:g} s")
            if live is not None:
                live.update(line())
            elif not silent and time.monotonic() - line_s > _LINE_S:
                line_s = time.monotonic()
                out.print(line())
    _show_commits(inputs, runner, as_json=as_json)
    (result,) = outcome
    if isinstance(result, BaseException):
        raise result
    return result


@contextmanager
def _stopping(inputs: WatchedInputs) -> Iterator[list[float]]:
    """The first signal puts its time into the list and stops the inputs."""
    stopped: list[float] = []

    def stop() -> None:
        stopped.append(time.monotonic())
        inputs.stop()

    with first_signal_asks(stop):
        yield stopped


def _show_commits(inputs: WatchedInputs, runner: Any, *, as_json: bool) -> None:
    while not inputs.commits.empty():
        commit = inputs.commits.get()
        if as_json:
            echo(json.dumps(asdict(commit) | {"state": _state(runner)}, default=str))


def _state(runner: Any) -> dict[str, int] | None:
    """What the stages keep in state now; None where that cannot be known."""
    counts = _counters(runner)
    return None if counts is None else {name: counts[name] for name in _STATE}


def _counters(runner: Any) -> Counter[str] | None:
    """Those of all stages; None where the runner has ended, as its own error says."""
    import grpc  # type: ignore[import-untyped]

    try:
        counts: Counter[str] = runner.counters()
    except grpc.RpcError:
        return None
    return counts


def line_of(inputs: ArrivalStatus, poses: PoseFigures, now_s: float) -> str:
    """What is shown while it runs; `now_s` is a monotonic clock."""
    lag_s = now_s - inputs.oldest_s if inputs.oldest_s is not None else 0.0
    arrived = inputs.waiting + inputs.in_progress + inputs.done
    rate = f", {poses.frames / poses.span_s:.0f} frames/s" if poses.span_s else ""
    return (
        f"arrived {arrived}, waiting {inputs.waiting}, in progress {inputs.in_progress}, "
        f"done {inputs.done}, failed {inputs.failed}, lag {lag_s:.0f} s{rate}"
    )
