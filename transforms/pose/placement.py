"""Where the actors of a pool may be, as the cluster says that it is."""

from repscore.models.estimator import Unavailable
from repscore.transforms.cluster import (
    free_resources,
    local_resources,
    resources_of_nodes,
    start_ray,
)
from repscore.transforms.pose.pool_plan import PoolConfig, PoolPlan, describe_lack, plan_pool


def check_cluster(device: str, config: PoolConfig) -> None:
    """Raise Unavailable where Ray is not there or has no place for an actor.

    A local Ray without GPUs is not started for that: its CPUs are known.
    """
    if config.ray_address is None and device == "cpu" and not config.gpus:
        plan_pool(device, config, [local_resources()])
    else:
        start_cluster(device, config)


def start_cluster(device: str, config: PoolConfig) -> PoolPlan:
    """Start or join Ray, and plan the actors for it; raises Unavailable."""
    start_ray(config.ray_address)
    return plan_now(device, config)


def plan_now(device: str, config: PoolConfig) -> PoolPlan:
    """The actors for the nodes that are there now; raises Unavailable."""
    return plan_pool(device, config, resources_of_nodes())


def lack_of(plan: PoolPlan, config: PoolConfig) -> str:
    """Why no actor was ready in time."""
    limit_s = config.start_timeout_s
    try:
        return describe_lack(plan, limit_s, resources_of_nodes(), free_resources())
    except Unavailable as error:
        return f"no pose worker started within {limit_s:g} s: {error}"
