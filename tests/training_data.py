"""People whose executions a scorer learns from in tests, and how."""

from executions import curl, perform, squat

from repscore.models.scorer.network import Recipe
from repscore.pipelines.evaluate.labelled import Labelled
from repscore.pipelines.train.examples import Examples
from repscore.pipelines.train.material import Tuning

TUNING = Tuning(
    0, Recipe(width=16, embedding=16, epochs=10, batch=32, dropout=0.1, shrunk=0.0), folds=3
)


def examples() -> Examples:
    """Nine people who squat, well and half, seen from the front, and curl, seen from the back."""
    items, views = [], []
    for person in range(9):
        leg = 0.7 + 0.02 * person
        for seed in range(2):
            noise = {"noise": 0.01, "seed": 10 * person + seed}
            items += [
                Labelled(f"p{person}", False, "squat", True, perform(squat(leg=leg), **noise)),
                Labelled(f"p{person}", False, "squat", False, perform(squat(45, leg=leg), **noise)),
                Labelled(f"p{person}", False, "curl", None, perform(curl(), **noise)),
            ]
            views += ["front", "front", "back"]
    return Examples(items, views, "body", "figures", "own")
