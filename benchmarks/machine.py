"""What benchmarks share: the line on machine and versions, clips, and one process per core."""

import argparse
import multiprocessing
import os
import platform
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from threading import BrokenBarrierError
from typing import Any, TypeVar

import cv2

from repscore.transforms.discover.changes import Changes, in_groups
from repscore.transforms.discover.sources import list_inputs
from repscore.transforms.plan.segments import plan_segments
from repscore.transforms.records import PoseConfig, Segment

_Result = TypeVar("_Result")
_barrier: Any = None  # in a process of `on_each_core`, where all of them wait


def describe() -> str:
    """One line: processor, CPUs, versions."""
    names = ("repscore", "apache-beam", "ray", "mediapipe", "openvino", "opencv-contrib-python")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")
    return f"{model or platform.machine()}, {os.cpu_count()} CPUs; {versions}"


def existing_file(text: str) -> Path:
    """An argument that names a file."""
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"expected a file, found {text}; give {text}/*.mp4?")
    return path


def segments_of_clip(clip: Path, poses: PoseConfig) -> tuple[Segment, ...]:
    """The segments into which the pipeline cuts a clip."""
    (((video,), _),) = in_groups(list_inputs([str(clip)]), Changes({}, ""), 1)
    return plan_segments(video, poses)


def resident_mib(pid: int) -> float:
    """Memory of a process that is in RAM."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def on_each_core(
    measure: Callable[..., _Result], clips: Sequence[Path], *arguments: object
) -> list[_Result]:
    """Results of `measure(clips, begin, *arguments)`, one process per core, each with its clips.

    `measure` calls `begin` when it is ready; `begin` returns when all processes are. An error of
    one process, or its death, ends all of them and is raised here.
    """
    cores = sorted(os.sched_getaffinity(0))
    context = multiprocessing.get_context("spawn")
    # The longest clips first, in turns: an even split that needs no queue.
    ordered = sorted(clips, key=lambda clip: -clip.stat().st_size)
    barrier = context.Barrier(len(cores))
    with ExitStack() as pools:
        runs = []
        for index, core in enumerate(cores):
            # One pool for each: a pool of several may not notice the death of one that starts late.
            pool = pools.enter_context(
                ProcessPoolExecutor(1, context, initializer=_set_barrier, initargs=(barrier,))
            )
            share = ordered[index :: len(cores)]
            runs.append(pool.submit(_on_core, core, measure, share, *arguments))
        if any(run.exception() for run in wait(runs, return_when=FIRST_EXCEPTION).done):
            barrier.abort()  # the others would wait for a process that died
        errors = [run.exception() for run in wait(runs).done]
    for error in errors:
        if error is not None and not isinstance(error, BrokenBarrierError):
            raise error
    return [run.result() for run in runs]


def _set_barrier(barrier: Any) -> None:
    global _barrier  # a barrier reaches a process when it starts, not with its task
    _barrier = barrier


def _on_core(
    core: int, measure: Callable[..., _Result], clips: Sequence[Path], *arguments: object
) -> _Result:
    os.sched_setaffinity(0, {core})
    cv2.setNumThreads(1)
    try:
        return measure(clips, _barrier.wait, *arguments)
    except BaseException:
        _barrier.abort()  # the others would wait for this process
        raise
