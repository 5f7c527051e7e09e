"""Ray for everything that uses it: started once, quietly, and a list of jobs on its processes."""

import atexit
import logging
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import grpc  # type: ignore[import-untyped]
import ray
import ray._private.authentication.authentication_token_setup as _ray_tokens
import ray._private.worker as _ray_worker
from ray.exceptions import OutOfMemoryError, RayTaskError, WorkerCrashedError

from repscore.models.estimator import Unavailable
from repscore.transforms.local_ray import LocalRay
from repscore.transforms.processes import ENDING, TEMPORARY
from repscore.transforms.threads import in_thread

Job = TypeVar("Job")
Result = TypeVar("Result")
Report = Callable[..., None]
"""Called with the progress of a job that runs."""

_OBJECT_STORE_BYTES: Final = 100 * 2**20
"""References to pose files travel, and the repetitions of a training; Ray keeps more on disk."""

_TICK_S: Final = 0.2
_ANSWER_S: Final = 5.0
_JOIN_S: Final = 20.0
_JOIN_LOCAL_S: Final = 60.0
"""A busy machine may need it; there is no address that could be wrong."""
_GONE_S: Final = 30.0
"""A cluster may start its head again; after a minute Ray itself ends the program."""

_QUIET: Final[Mapping[str, Any]] = {"logging_level": logging.ERROR, "log_to_driver": False}
_NO_CLUSTER: Final = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.UNIMPLEMENTED,
)
_ALIVE: Final = "/ray.rpc.NodeInfoGcsService/CheckAlive"

_local: LocalRay | None = None
"""The one that this process started."""

_asked_s: float = 0.0
_unreachable_s: float | None = None
"""Monotonic times when a joined cluster was asked last, and since when it does not answer."""


class WorkerLost(ValueError):
    """A process ended in the middle of its work, more than once."""


def start_ray(address: str | None = None) -> None:
    """Join the cluster at `address`, or start a local one; nothing to do where Ray runs already.

    Raises Unavailable within half a minute where no cluster answers, and where a local one did not
    start twice.
    """
    if ray.is_initialized():
        return
    logging.getLogger("ray").setLevel(logging.ERROR)
    # What becomes of other nodes it prints to standard output, where our data go, whatever it is
    # asked for.
    _ray_worker.print_to_stdstream = no_report
    if address is not None:
        _join(address)
    else:
        _start_local()


def stop_ray() -> None:
    """Leave Ray; a local one ends, with its processes and its folder."""
    global _local
    ray.shutdown()
    if _local is not None:
        _local.close()
        _local = None


def ray_ended() -> str | None:
    """Why Ray can do nothing any more; None while it lives."""
    global _asked_s, _unreachable_s
    if not ray.is_initialized():
        return "Ray was shut down"
    node: Any = _ray_worker._global_node
    if node is None:
        return None  # a process that Ray started: it ends with Ray
    if _local is not None:
        return _local.ended()
    if not _listens(node.raylet_socket_name):
        return "Ray's raylet on this machine ended, so that it is no node of the cluster any more"
    now_s = time.monotonic()
    if now_s - _asked_s < _ANSWER_S:
        return None
    _asked_s = now_s
    if _answers(node.gcs_address):
        _unreachable_s = None
        return None
    _unreachable_s = _unreachable_s or now_s
    if now_s - _unreachable_s < _GONE_S:
        return None
    return f"the Ray cluster at {node.gcs_address} has not answered for {_GONE_S:g} s"


def address_of_ray() -> str:
    """Where other processes of this machine can join it."""
    address: str = ray.get_runtime_context().gcs_address
    return address


def local_resources() -> Mapping[str, float]:
    """What a local Ray has without GPUs, by Ray's names."""
    return {"CPU": len(os.sched_getaffinity(0))}


def resources_of_nodes() -> list[Mapping[str, float]]:
    """What each node of the cluster has, by Ray's names; raises Unavailable."""
    nodes: Any = _bounded(ray.nodes, "list its nodes")
    return [node["Resources"] for node in nodes if node["Alive"]]


def free_resources() -> Mapping[str, float]:
    """What nobody in the cluster holds; raises Unavailable."""
    free: Mapping[str, float] = _bounded(ray.available_resources, "say what is free")
    return free


def _start_local() -> None:
    global _local
    # What ray.init does for a Ray of its own: nobody else on this machine can give it work.
    _ray_tokens.enable_token_auth_by_default()
    _ray_tokens.ensure_token_if_auth_enabled(create_token_if_missing=True)
    parent, cpus = os.environ.get("RAY_TMPDIR") or TEMPORARY, int(local_resources()["CPU"])
    for attempt in (1, 2):
        try:
            _local = LocalRay(parent, cpus, _OBJECT_STORE_BYTES)
            within(_JOIN_LOCAL_S, partial(ray.init, _local.address, **_QUIET))
        except Exception as error:  # Ray has no class for it
            stop_ray()
            if attempt == 2 or ENDING.is_set():  # nothing is started any more
                raise Unavailable(
                    f"local Ray did not start, tried twice: {_first_line(error)}; expected a "
                    "machine with free memory and time for it: end what keeps it busy"
                ) from error
        else:
            atexit.register(stop_ray)
            return


def _join(address: str) -> None:
    # Ray itself would try for minutes, and cannot be interrupted.
    wrong = f"--ray-address {address}: expected a running Ray cluster there"
    asks = None
    if ":" in address and "://" not in address:
        asks = _asks_for_token(address)
        if asks is None:
            raise Unavailable(f"{wrong}, nothing that is one answers; see `ray status` on its head")
    if asks in (True, None):
        # `ray start` asks for a token where its user has one. A program that has one while the
        # cluster asks for none would refuse the cluster's own calls, and get no worker.
        _ray_tokens.maybe_enable_token_auth_if_token_available(warn_if_disabled=False)
    try:
        within(_JOIN_S, lambda: ray.init(address=address, **_QUIET))
    except TimeoutError as error:
        raise Unavailable(
            f"{wrong}, could not join it within {_JOIN_S:g} s: expected a node of it on this "
            "machine (`ray start --address`), and all its ports open"
        ) from error
    except Exception as error:  # Ray has no class for it
        raise Unavailable(f"{wrong}, could not join it: {_first_line(error)}") from error


def _asks_for_token(address: str) -> bool | None:
    """Whether the head of a Ray cluster there asks for a token; None where there is none."""
    if not _answers(address):
        return None
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(_ALIVE)
        try:
            call(b"", timeout=_ANSWER_S)
        except grpc.RpcError as error:
            if error.code() in _NO_CLUSTER:
                return None
            return bool(error.code() == grpc.StatusCode.UNAUTHENTICATED)
    return False


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), _ANSWER_S).close()
    except (OSError, ValueError):
        return False
    return True


def _listens(path: str) -> bool:
    """Whether a process of this machine listens at this socket."""
    with socket.socket(socket.AF_UNIX) as ours:
        ours.settimeout(_ANSWER_S)
        return ours.connect_ex(path) == 0


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__


def _bounded(call: Callable[[], Any], what: str) -> Any:
    try:
        return within(_JOIN_S, call)
    except TimeoutError as error:
        raise Unavailable(
            f"Ray does not {what} within {_JOIN_S:g} s; does its head run?"
        ) from error


def within(limit_s: float, call: Callable[[], Result]) -> Result:
    """The result of a call that may hang, which then stays behind; raises TimeoutError."""
    return in_thread(call, "bounded").result(limit_s)


def no_report(*_: Any, **__: Any) -> None:
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
            if (reason := ray_ended()) is not None:
                raise WorkerLost(f"{reason}: start the same command again")
            while not reports.empty():  # its process ends with Ray, which is an error here
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
