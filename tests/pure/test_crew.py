"""How many actors there are, for what is asked and what the cluster has."""

import pytest

from repscore.models.estimator import Unavailable
from repscore.transforms.pose.crew import Crew, PoolConfig, plan_crew


@pytest.mark.parametrize(
    ("device", "config", "resources", "crew"),
    [
        ("cpu", PoolConfig(), {"CPU": 8.0}, Crew(8, 0, 0.0)),
        ("cpu", PoolConfig(cpus=0.5), {"CPU": 8.0}, Crew(16, 0, 0.0)),
        ("cpu", PoolConfig(actors=3), {"CPU": 8.0}, Crew(3, 0, 0.0)),
        ("cpu", PoolConfig(inference_actors=2), {"CPU": 8.0}, Crew(6, 2, 0.0)),
        ("cpu", PoolConfig(inference_actors=1), {"CPU": 1.0}, Crew(1, 1, 0.0)),
        ("cuda", PoolConfig(), {"CPU": 16.0, "GPU": 2.0}, Crew(16, 2, 1.0)),
        ("cuda", PoolConfig(gpus=0.5), {"CPU": 16.0, "GPU": 1.0}, Crew(16, 2, 0.5)),
        ("cuda", PoolConfig(inference_actors=0), {"CPU": 16.0, "GPU": 4.0}, Crew(4, 0, 1.0)),
        ("cpu", PoolConfig(gpus=0.25), {"CPU": 16.0, "GPU": 1.0}, Crew(4, 0, 0.25)),
    ],
)
def test_the_crew_fits_the_cluster(
    device: str, config: PoolConfig, resources: dict[str, float], crew: Crew
) -> None:
    assert plan_crew(device, config, resources) == crew


@pytest.mark.parametrize(
    ("device", "config", "resources"),
    [
        ("cuda", PoolConfig(), {"CPU": 8.0}),
        ("cuda", PoolConfig(inference_actors=3), {"CPU": 8.0, "GPU": 2.0}),
        ("cpu", PoolConfig(gpus=1), {"CPU": 8.0}),
    ],
)
def test_gpus_that_are_not_there_are_an_error(
    device: str, config: PoolConfig, resources: dict[str, float]
) -> None:
    with pytest.raises(Unavailable, match="Ray finds"):
        plan_crew(device, config, resources)
