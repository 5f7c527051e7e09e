"""The pose pools of this process, which its stages share."""

import threading

from repscore.transforms.pose.pool import PoolBroken, PosePool
from repscore.transforms.pose.pool_plan import PoolConfig
from repscore.transforms.records import PoseConfig

_POOLS: dict[tuple[PoseConfig, str, PoolConfig], PosePool] = {}
_POOLS_LOCK = threading.Lock()


def shared_pool(poses: PoseConfig, root: str, config: PoolConfig) -> PosePool:
    """This process's pool for a configuration; made on first use, closed by `close_pools`."""
    key = (poses, root, config)
    with _POOLS_LOCK:
        if key not in _POOLS:
            _POOLS[key] = PosePool(poses, root, config)
        return _POOLS[key]


def broken_pool() -> PoolBroken | None:
    """Why a pool of this process takes no more segments; None where all work."""
    with _POOLS_LOCK:
        return next((pool.broken for pool in _POOLS.values() if pool.broken is not None), None)


def close_pools() -> None:
    """Stop the actors of this process."""
    with _POOLS_LOCK:
        while _POOLS:
            _POOLS.popitem()[1].close()
