"""Ray for everything that uses it: started once, quietly, and a list of jobs on its processes."""

import logging
import os
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import ray
from ray.exceptions import OutOfMemoryError, RayTaskError, WorkerCrashedError

Job = TypeVar("Job")
Result = TypeVar("Result")
Report = Callable[..., None]
"""Called with the progress of a job that runs."""

_OBJECT_STORE_BYTES: Final = 100 * 2**20
"""References to pose files travel, and the repetitions of a training; Ray keeps more on disk."""

_TICK_S: Final = 0.2


class WorkerLost(ValueError):
    """A process ended in the middle of its work, more than once."""


def start_ray(address: str | None = None) -> None:
    """Join the cluster at `address`, or start a local one; nothing to do where Ray runs already."""
    if ray.is_initialized():
        return
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address is not None:
        ray.init(address=address, **quiet)
        return
    ray.init(
        address="local",
        num_cpus=len(os.sched_getaffinity(0)),
        object_store_memory=_OBJECT_STORE_BYTES,
        include_dashboard=False,
        **quiet,
    )


def no_report(*_: Any) -> None:
    """Ignores all progress."""


def run_jobs(
    work: Callable[[Job, Report], Result], jobs: Sequence[Job], workers: int, report: Report
) -> list[Result]:
    """The results of `work(job, report)`, in the order of the jobs.

    Each job has one core in torch, so that what a network learns does not depend on the number of
    workers. With several workers the jobs run in Ray's processes, `workers` at once; what they
    report is passed on to `report` in this process.

    Raises what `work` raises, and WorkerLost.
    """
    if min(workers, len(jobs)) <= 1:
        return [_on_one_core(work, job, report) for job in jobs]
    from ray.util.queue import Queue

    start_ray()
    reports: Any = Queue(actor_options={"num_cpus": 0})
    # Ray need not count cores: no more jobs run than there are workers.
    remote: Any = ray.remote(num_cpus=0, max_retries=1)(_on_one_core)
    shared = ray.put(work)
    waiting = deque(enumerate(jobs))
    running: dict[Any, int] = {}
    results: dict[int, Result] = {}

    def send(*progress: Any) -> None:
        reports.put(progress)

    try:
        while waiting or running:
            while waiting and len(running) < workers:
                place, job = waiting.popleft()
                running[remote.remote(shared, job, send)] = place
            ended, _ = ray.wait([*running], timeout=_TICK_S)
            while not reports.empty():
                report(*reports.get())
            for reference in ended:
                results[running.pop(reference)] = ray.get(reference)
    except RayTaskError as error:
        raise error.cause from error
    except (OutOfMemoryError, WorkerCrashedError) as error:
        raise WorkerLost(
            f"one of {workers} worker processes ended twice in the middle of its work, probably "
            f"for lack of memory: give --workers less than {workers}"
        ) from error
    finally:
        for reference in running:
            ray.cancel(reference, force=True)
        reports.shutdown()
    return [results[place] for place in range(len(jobs))]


def _on_one_core(work: Callable[[Job, Report], Result], job: Job, report: Report) -> Result:
    import torch  # slow to import, and poses do not need it

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return work(job, report)
    finally:
        torch.set_num_threads(threads)
