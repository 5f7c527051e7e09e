"""The same work for many jobs, side by side on the cores of this machine."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import torch

Job = TypeVar("Job")
Found = TypeVar("Found")
Tell = Callable[..., None]
"""Called with what there is to say of a job that is under way."""

_TICK_S: Final = 0.2


class WorkerLost(ValueError):
    """A process ended in the middle of its work, more than once."""


def silent(*_: Any) -> None:
    """Tells nobody."""


def side_by_side(
    work: Callable[[Job, Tell], Found], jobs: Sequence[Job], workers: int, tell: Tell
) -> list[Found]:
    """`work(job, tell)` of each job, in the order of the jobs.

    Torch has one core for each, so that what a network learns does not depend on how many there
    are. With several workers the jobs run in Ray's processes, so many at once; what they tell is
    told here meanwhile.

    Raises what `work` raises, and WorkerLost.
    """
    if min(workers, len(jobs)) <= 1:
        return [_on_one_core(work, job, tell) for job in jobs]
    import ray
    from ray.exceptions import OutOfMemoryError, RayTaskError, WorkerCrashedError
    from ray.util.queue import Queue

    from repscore.transforms.pose.cluster import start_ray

    start_ray()
    words: Any = Queue(actor_options={"num_cpus": 0})
    # Ray need not count cores: no more jobs run than there are workers.
    remote: Any = ray.remote(num_cpus=0, max_retries=1)(_on_one_core)
    shared = ray.put(work)
    waiting = deque(enumerate(jobs))
    running: dict[Any, int] = {}
    found: dict[int, Found] = {}

    def pass_on(*told: Any) -> None:
        words.put(told)

    try:
        while waiting or running:
            while waiting and len(running) < workers:
                place, job = waiting.popleft()
                running[remote.remote(shared, job, pass_on)] = place
            ended, _ = ray.wait([*running], timeout=_TICK_S)
            while not words.empty():
                tell(*words.get())
            for one in ended:
                found[running.pop(one)] = ray.get(one)
    except RayTaskError as error:
        raise error.cause from error
    except (OutOfMemoryError, WorkerCrashedError) as error:
        raise WorkerLost(
            f"one of {workers} workers ended in the middle of its work, twice; mostly for want of "
            f"memory: give fewer --workers than {workers}"
        ) from error
    finally:
        for one in running:
            ray.cancel(one, force=True)
        words.shutdown()
    return [found[place] for place in range(len(jobs))]


def _on_one_core(work: Callable[[Job, Tell], Found], job: Job, tell: Tell) -> Found:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return work(job, tell)
    finally:
        torch.set_num_threads(threads)
