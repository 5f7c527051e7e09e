"""How many actors of which kind, for what is asked and what the cluster has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from repscore.models.estimator import Unavailable
from repscore.transforms.pose.version import release

_IF_IT_GROWS: Final = ", or, for a cluster that grows on demand, --actors"


@dataclass(frozen=True)
class PoolConfig:
    """How the pool runs; nothing in here changes a result.

    Attributes:
        actors: number of actors; 0 is as many as the Ray cluster has CPUs for. A cluster that grows
            on demand grows for the number that is given.
        cpus: CPUs that each actor holds, fractions allowed.
        inference_actors: further actors that run the networks for the others, in batches across
            their streams; 0 lets each actor run its own. None is one per GPU on CUDA, else 0.
        gpus: GPUs that each actor with networks holds, fractions allowed; None is 1 on CUDA.
        ray_address: of a running cluster; None starts a local one.
        segment_timeout_s: an actor that takes longer for one segment is killed.
        start_timeout_s: how long no actor at all may be ready before the run ends.
        release: of repscore, which every machine must have.
    """

    actors: int = 0
    cpus: float = 1.0
    inference_actors: int | None = None
    gpus: float | None = None
    ray_address: str | None = None
    segment_timeout_s: float = 1800.0
    start_timeout_s: float = 120.0
    release: str = field(default_factory=release)


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """How many actors of either kind there are; each one with networks holds `gpus`."""

    actors: int
    inference_actors: int
    gpus: float


def plan_pool(device: str, config: PoolConfig, nodes: Sequence[Mapping[str, float]]) -> PoolPlan:
    """The actors for a cluster whose nodes have these resources (Ray's names).

    Raises Unavailable where GPUs are asked for that the cluster does not have, and where an actor
    fits on no node; not where a number of actors is asked for in a given cluster: nodes may come.
    """
    grows = config.ray_address is not None and config.actors > 0
    gpus = config.gpus if config.gpus is not None else float(device == "cuda")
    available = _total(nodes, "GPU")
    inference = config.inference_actors
    if inference is None:
        inference = max(1, int(available / gpus)) if device == "cuda" and gpus else 0
    if gpus * max(1, inference) > available and not grows:
        raise Unavailable(
            f"{max(1, inference)} actors with {gpus:g} GPUs each were asked for, but Ray finds "
            f"{available:g} GPUs; use --device cpu or a smaller --gpus-per-actor "
            "(see `repscore doctor`)"
        )
    largest_gpus = max((node.get("GPU", 0.0) for node in nodes), default=0.0)
    if gpus > largest_gpus and not grows:
        raise Unavailable(
            f"--gpus-per-actor {gpus:g}: expected as many GPUs on one node, the largest has "
            f"{largest_gpus:g}; give less{_IF_IT_GROWS if config.ray_address else ''}"
        )
    largest_cpus = max((node.get("CPU", 0.0) for node in nodes), default=0.0)
    if config.cpus > largest_cpus and not grows:
        raise Unavailable(
            f"--cpus-per-actor {config.cpus:g}: expected as many CPUs on one node, the largest has "
            f"{largest_cpus:g}; give less{_IF_IT_GROWS if config.ray_address else ''}"
        )
    cpus = _total(nodes, "CPU") - (0 if gpus else inference)
    most = cpus / max(config.cpus, 0.01)
    if gpus and not inference:
        most = min(most, available / gpus)
    return PoolPlan(config.actors or max(1, int(most)), inference, gpus)


def describe_lack(
    plan: PoolPlan,
    config: PoolConfig,
    nodes: Sequence[Mapping[str, float]],
    free: Mapping[str, float],
) -> str:
    """Why no actor was placed in time: what was asked for, what there is, what is free of it."""
    workers_gpus = 0.0 if plan.inference_actors else plan.gpus
    asked = f"{plan.actors} workers with {config.cpus:g} CPUs and {workers_gpus:g} GPUs each"
    if plan.inference_actors:
        asked += f", {plan.inference_actors} inference actors with {plan.gpus:g} GPUs each"
    there = ", ".join(
        f"{_total(nodes, name):g} {name}s ({free.get(name, 0.0):g} free)" for name in ("CPU", "GPU")
    )
    return (
        f"no pose worker started within {config.start_timeout_s:g} s: asked for {asked}; Ray's "
        f"{len(nodes)} nodes have {there}: wait for other jobs to end, give a smaller "
        "--cpus-per-actor, or, where workers are slow to start, a longer --start-timeout"
    )


def _total(nodes: Sequence[Mapping[str, float]], name: str) -> float:
    return sum(node.get(name, 0.0) for node in nodes)
