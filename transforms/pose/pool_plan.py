"""How many actors of which size, for what is asked and what the cluster has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from repscore.models.estimator import Unavailable
from repscore.transforms.pose.version import release
from repscore.transforms.video.nvdec import Decode

_IF_IT_GROWS: Final = ", or, for a cluster that grows on demand, --actors"

PLACES_ON_GPU: Final = 64
"""More crops in a batch make BlazePose hardly faster on the GPUs that people rent (an estimate: no
GPU was measured), and every stream holds decoded frames."""


@dataclass(frozen=True)
class PoolConfig:
    """How the pool runs; nothing in here changes a result.

    Attributes:
        actors: number of actors; 0 is as many as the Ray cluster has room for, also later. A
            cluster that grows on demand grows for the number that is given.
        cpus: CPUs that each actor holds, fractions allowed; None is 1, beside a GPU its share of
            the node's.
        gpus: GPUs that each actor holds, fractions allowed; None is 1 on CUDA.
        streams: segments whose frames an actor estimates in one batch; None is 1, on CUDA 64.
        decode: where actors decode, see `nvdec.accelerator`.
        ray_address: of a running cluster; None starts a local one.
        segment_timeout_s: an actor that takes longer for one segment is killed.
        start_timeout_s: how long no actor at all may be ready before the run ends.
        release: of repscore, which every machine must have.
    """

    actors: int = 0
    cpus: float | None = None
    gpus: float | None = None
    streams: int | None = None
    decode: Decode = "auto"
    ray_address: str | None = None
    segment_timeout_s: float = 1800.0
    start_timeout_s: float = 120.0
    release: str = field(default_factory=release)


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """How many actors there are, what each one holds, and in how many streams it works at once."""

    actors: int
    cpus: float
    gpus: float
    streams: int


def plan_pool(device: str, config: PoolConfig, nodes: Sequence[Mapping[str, float]]) -> PoolPlan:
    """The actors for a cluster whose nodes have these resources (Ray's names).

    Raises Unavailable where GPUs are asked for that the cluster does not have, and where an actor
    fits on no node; not where a number of actors is asked for in a given cluster: nodes may come.
    """
    grows = config.ray_address is not None and config.actors > 0
    gpus = config.gpus if config.gpus is not None else float(device == "cuda")
    if gpus > _total(nodes, "GPU") and not grows:
        raise Unavailable(
            f"workers with {gpus:g} GPUs each were asked for, but Ray finds "
            f"{_total(nodes, 'GPU'):g} GPUs; use --device cpu or a smaller --gpus-per-actor "
            "(see `repscore doctor`)"
        )
    largest_gpus = max((node.get("GPU", 0.0) for node in nodes), default=0.0)
    if gpus > largest_gpus and not grows:
        raise Unavailable(
            f"--gpus-per-actor {gpus:g}: expected as many GPUs on one node, the largest has "
            f"{largest_gpus:g}; give less{_IF_IT_GROWS if config.ray_address else ''}"
        )
    hosts = [node for node in nodes if node.get("GPU", 0.0) >= gpus]
    cpus = config.cpus
    if cpus is None:
        shares = [int(_share(node, gpus)) for node in hosts] if gpus else []
        cpus = float(max(1, min(shares, default=1)))
    largest = max((node.get("CPU", 0.0) for node in hosts), default=0.0)
    if cpus > largest and not grows:
        beside = " beside GPUs" if gpus else ""
        raise Unavailable(
            f"--cpus-per-actor {cpus:g}: expected as many CPUs on one node{beside}, the largest "
            f"has {largest:g}; give less{_IF_IT_GROWS if config.ray_address else ''}"
        )
    room = sum(_room(node, cpus, gpus) for node in hosts)
    return PoolPlan(config.actors or max(1, room), cpus, gpus, streams_of(device, config))


def streams_of(device: str, config: PoolConfig) -> int:
    """Segments that an actor works on at once."""
    return config.streams or (PLACES_ON_GPU if device == "cuda" else 1)


def describe_lack(
    plan: PoolPlan,
    start_timeout_s: float,
    nodes: Sequence[Mapping[str, float]],
    free: Mapping[str, float],
) -> str:
    """Why no actor was placed in time: what was asked for, what there is, what is free of it."""
    there = ", ".join(
        f"{_total(nodes, name):g} {name}s ({free.get(name, 0.0):g} free)" for name in ("CPU", "GPU")
    )
    return (
        f"no pose worker started within {start_timeout_s:g} s: asked for {plan.actors} workers "
        f"with {plan.cpus:g} CPUs and {plan.gpus:g} GPUs each; Ray's "
        f"{len(nodes)} nodes have {there}: wait for other jobs to end, give a smaller "
        "--cpus-per-actor, or, where workers are slow to start, a longer --start-timeout"
    )


def _share(node: Mapping[str, float], gpus: float) -> float:
    """CPUs of a node that belong to so many of its GPUs."""
    return node.get("CPU", 0.0) * gpus / node["GPU"]


def _room(node: Mapping[str, float], cpus: float, gpus: float) -> int:
    by_cpus = node.get("CPU", 0.0) / max(cpus, 0.01)
    return int(min(by_cpus, node["GPU"] / gpus) if gpus else by_cpus)


def _total(nodes: Sequence[Mapping[str, float]], name: str) -> float:
    return sum(node.get(name, 0.0) for node in nodes)
