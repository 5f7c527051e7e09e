"""Starting Ray once, quietly."""

import logging
import os
from typing import Final

import ray

from repscore.transforms.pose.crew import PoolConfig, plan_crew

_OBJECT_STORE_BYTES: Final = 100 * 2**20
"""References to pose files travel, and the repetitions of a training; Ray keeps more on disk."""


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


def check_devices(device: str, config: PoolConfig) -> None:
    """Raise Unavailable unless the cluster has the GPUs that are asked for; starts Ray."""
    start_ray(config.ray_address)
    plan_crew(device, config, ray.cluster_resources())
