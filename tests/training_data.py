"""Labelled executions that a scorer is trained on in tests, and how."""

from dataclasses import replace

from executions import curl, perform, squat

from repscore.models.scorer.examples import Example
from repscore.models.scorer.network import NetworkConfig
from repscore.models.scorer.training import TrainingConfig

CONFIG = TrainingConfig(
    0, NetworkConfig(width=16, embedding=16, epochs=10, batch=32, dropout=0.1, reduced=0.0), folds=3
)


def quick(config: TrainingConfig = CONFIG, epochs: int = 1) -> TrainingConfig:
    """The same training with fewer epochs."""
    return replace(config, recipe=replace(config.recipe, epochs=epochs))


def examples() -> list[Example]:
    """Nine people who squat, well and half, seen from the front, and curl, seen from the back."""
    people = []
    for person in range(9):
        leg = 0.7 + 0.02 * person
        for seed in range(2):
            for exercise, correct, pose, view in (
                ("squat", True, squat(leg=leg), "front"),
                ("squat", False, squat(45, leg=leg), "front"),
                ("curl", None, curl(), "back"),
            ):
                execution = perform(pose, noise=0.01, seed=10 * person + seed)
                people.append(
                    Example(f"p{person}", exercise, correct, replace(execution, view=view))
                )
    return people


def person(number: int) -> list[Example]:
    """Two whole squats, two half ones and two curls of a person of their own proportions."""
    size = 0.7 + 0.03 * number
    return [
        Example(
            f"1{number:02d}", exercise, correct, perform(pose, noise=0.01, seed=10 * number + seed)
        )
        for seed, (exercise, correct, pose) in enumerate(
            [
                *[("squat", True, squat(100, leg=size))] * 2,
                *[("squat", False, squat(40, leg=size))] * 2,
                *[("curl", True, curl())] * 2,
            ]
        )
    ]


def in_turn(work, jobs, report):
    """Runs jobs one after the other, in this process."""
    return [work(job, report) for job in jobs]


def silent(_: str) -> None:
    """Ignores all progress."""
