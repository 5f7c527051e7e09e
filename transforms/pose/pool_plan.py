"""How many actors of which kind, for what is asked and what the cluster has."""

from collections.abc import Mapping
from dataclasses import dataclass

from repscore.models.estimator import Unavailable


@dataclass(frozen=True)
class PoolConfig:
    """How the pool runs; nothing in here changes a result.

    Attributes:
        actors: number of actors; 0 is as many as the Ray cluster has CPUs for.
        cpus: CPUs that each actor holds, fractions allowed.
        inference_actors: further actors that run the networks for the others, in batches across
            their streams; 0 lets each actor run its own. None is one per GPU on CUDA, else 0.
        gpus: GPUs that each actor with networks holds, fractions allowed; None is 1 on CUDA.
        ray_address: of a running cluster; None starts a local one.
        segment_timeout_s: an actor that takes longer for one segment is killed.
    """

    actors: int = 0
    cpus: float = 1.0
    inference_actors: int | None = None
    gpus: float | None = None
    ray_address: str | None = None
    segment_timeout_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """How many actors of either kind there are; each one with networks holds `gpus`."""

    actors: int
    inference_actors: int
    gpus: float


def plan_pool(device: str, config: PoolConfig, resources: Mapping[str, float]) -> PoolPlan:
    """The actors for a cluster with these resources (Ray's names).

    Raises Unavailable where GPUs are asked for that the cluster does not have.
    """
    gpus = config.gpus if config.gpus is not None else float(device == "cuda")
    available = resources.get("GPU", 0.0)
    inference = config.inference_actors
    if inference is None:
        inference = max(1, int(available / gpus)) if device == "cuda" and gpus else 0
    if gpus * max(1, inference) > available:
        raise Unavailable(
            f"{max(1, inference)} actors with {gpus:g} GPUs each were asked for, but Ray finds "
            f"{available:g} GPUs; use --device cpu or a smaller --gpus-per-actor "
            "(see `repscore doctor`)"
        )
    cpus = resources.get("CPU", 1.0) - (0 if gpus else inference)
    most = cpus / max(config.cpus, 0.01)
    if gpus and not inference:
        most = min(most, available / gpus)
    return PoolPlan(config.actors or max(1, int(most)), inference, gpus)
