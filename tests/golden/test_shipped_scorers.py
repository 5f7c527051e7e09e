"""Shipped scorers give the scores of `shipped_scorers.json` for executions made here.

After a change of the weights that is meant:
`PYTHONPATH=tests python tests/golden/test_shipped_scorers.py`.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from executions import curl, lateral_raise, perform, squat, without, without_depth

from repscore.models.scorer.learned import LearnedScorer
from repscore.models.scorer.model import read_model
from repscore.models.scorer.represent import Execution
from repscore.models.scorer.shipped import SHIPPED, located

GOLDEN = Path(__file__).with_name("shipped_scorers.json")
_FIELDS = ("score", "score_low", "score_high", "exercise", "exercise_confidence", "distance")

EXECUTIONS: Mapping[str, Execution] = {
    "squat": perform(squat()),
    "half squat": perform(squat(45)),
    "squat in the picture": without_depth(perform(squat())),
    "slow squat, long legs": perform(squat(leg=0.9), duration_s=4.0, turn=0.4),
    "curl": perform(curl()),
    "curl of the right arm": perform(curl(130, 20)),
    "curl of the left arm": perform(curl(20, 130)),
    "lateral raise": perform(lateral_raise()),
    "noisy lateral raise": perform(lateral_raise(), noise=0.02, seed=1),
    "squat without wrists": without(perform(squat()), "right_wrist", "left_wrist"),
}


def results() -> dict[str, dict[str, dict[str, object]]]:
    """Scorer -> execution -> fields of the score, the reason, and the joints of the remarks."""
    table = {}
    for name in SHIPPED:
        path = Path(located(name) or "")
        scores = LearnedScorer(read_model(path.read_bytes(), name)).score([*EXECUTIONS.values()])
        table[name] = {
            execution: {
                **{field: getattr(score, field) for field in _FIELDS},
                "reason": (score.unscorable_reason or "").partition(":")[0],
                "remarks": [[remark.joint, remark.quantity] for remark in score.remarks],
            }
            for execution, score in zip(EXECUTIONS, scores, strict=True)
        }
    return table


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_scorers_give_golden_scores(name: str) -> None:
    golden, found = json.loads(GOLDEN.read_text())[name], results()[name]
    assert golden.keys() == found.keys()
    for execution, expected in golden.items():
        for field, value in expected.items():
            wanted = pytest.approx(value, abs=1e-3) if isinstance(value, float) else value
            assert found[execution][field] == wanted, (execution, field)


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(results(), indent=1) + "\n")
