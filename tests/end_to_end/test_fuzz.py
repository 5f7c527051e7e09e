"""A short form of `python tests/fuzz.py`."""

from pathlib import Path

import fuzz


def test_nothing_is_lost_without_a_word(tmp_path: Path) -> None:
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    made = fuzz.make(inputs, count=140, seed=1)
    found = fuzz.outcomes(inputs, tmp_path / "dataset", made)
    assert len(found) == 140 + len(fuzz.CONTAINERS)
    assert not [o for o in found if o.is_silent or o.status == "no row"], fuzz.table(found)
    whole = [o for o in found if o.damage == "whole"]
    assert [(o.status, o.lost, o.error_classes) for o in whole] == [("ok", 0, frozenset())] * 14
    assert sum(bool(o.error_classes) for o in found) > 70
