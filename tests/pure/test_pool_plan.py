"""How many actors there are, for what is asked and what the cluster has."""

import pytest

from repscore.models.estimator import Unavailable
from repscore.transforms.pose.pool_plan import PoolConfig, PoolPlan, describe_lack, plan_pool


@pytest.mark.parametrize(
    ("device", "config", "resources", "plan"),
    [
        ("cpu", PoolConfig(), {"CPU": 8.0}, PoolPlan(8, 1.0, 0.0, 1)),
        ("cpu", PoolConfig(cpus=0.5), {"CPU": 8.0}, PoolPlan(16, 0.5, 0.0, 1)),
        ("cpu", PoolConfig(actors=3), {"CPU": 8.0}, PoolPlan(3, 1.0, 0.0, 1)),
        ("cpu", PoolConfig(streams=4), {"CPU": 8.0}, PoolPlan(8, 1.0, 0.0, 4)),
        ("cuda", PoolConfig(), {"CPU": 16.0, "GPU": 2.0}, PoolPlan(2, 8.0, 1.0, 64)),
        ("cuda", PoolConfig(gpus=0.5), {"CPU": 16.0, "GPU": 1.0}, PoolPlan(2, 8.0, 0.5, 64)),
        ("cuda", PoolConfig(cpus=8), {"CPU": 16.0, "GPU": 4.0}, PoolPlan(2, 8, 1.0, 64)),
        ("cuda", PoolConfig(streams=8), {"CPU": 1.0, "GPU": 1.0}, PoolPlan(1, 1.0, 1.0, 8)),
        ("cpu", PoolConfig(gpus=0.25), {"CPU": 16.0, "GPU": 1.0}, PoolPlan(4, 4.0, 0.25, 1)),
    ],
)
def test_the_pool_plan_fits_the_cluster(
    device: str, config: PoolConfig, resources: dict[str, float], plan: PoolPlan
) -> None:
    assert plan_pool(device, config, [resources]) == plan


@pytest.mark.parametrize(
    ("device", "config", "resources"),
    [
        ("cuda", PoolConfig(), {"CPU": 8.0}),
        ("cuda", PoolConfig(gpus=3), {"CPU": 8.0, "GPU": 2.0}),
        ("cpu", PoolConfig(gpus=1), {"CPU": 8.0}),
    ],
)
def test_gpus_that_are_not_there_are_an_error(
    device: str, config: PoolConfig, resources: dict[str, float]
) -> None:
    with pytest.raises(Unavailable, match="Ray finds"):
        plan_pool(device, config, [resources])


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (PoolConfig(cpus=4), "--cpus-per-actor 4: .* the largest has 2"),
        (PoolConfig(gpus=2), "--gpus-per-actor 2: .* the largest has 1"),
    ],
)
def test_an_actor_that_fits_on_no_node_is_refused(config: PoolConfig, words: str) -> None:
    with pytest.raises(Unavailable, match=words):
        plan_pool("cpu", config, 3 * [{"CPU": 2.0, "GPU": 1.0}])


def test_actors_are_counted_node_by_node() -> None:
    """Three CPUs of two nodes each hold one actor of two, and a node without GPUs none with one."""
    nodes = [{"CPU": 3.0}, {"CPU": 3.0}]
    assert plan_pool("cpu", PoolConfig(cpus=2), nodes).actors == 2
    nodes = [{"CPU": 64.0}, {"CPU": 8.0, "GPU": 2.0}, {"CPU": 12.0, "GPU": 1.0}]
    assert plan_pool("cuda", PoolConfig(), nodes) == PoolPlan(3, 4.0, 1.0, 64)


def test_what_is_lacking_is_said_with_what_is_free() -> None:
    nodes = [{"CPU": 2.0}, {"CPU": 4.0, "GPU": 1.0}]
    words = describe_lack(PoolPlan(3, 2.0, 1.0, 64), 120, nodes, {"CPU": 1.5})
    assert "3 workers with 2 CPUs and 1 GPUs each" in words
    assert "2 nodes have 6 CPUs (1.5 free), 1 GPUs (0 free)" in words


@pytest.mark.parametrize("nodes", [[], [{}], [{"CPU": 2.0}]])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_given_cluster_may_grow_for_the_actors_that_are_asked_for(
    device: str, nodes: list[dict[str, float]]
) -> None:
    config = PoolConfig(actors=3, cpus=4, ray_address="head:6379")
    assert plan_pool(device, config, nodes).actors == 3


def test_without_their_number_it_must_have_them() -> None:
    config = PoolConfig(ray_address="head:6379")
    with pytest.raises(Unavailable, match=r"largest has 0; give less, or, for a .* --actors$"):
        plan_pool("cpu", config, [{}])
