"""The unit of length, on somebody who faces us and is as tall as the usual adult."""

import numpy as np
import pytest

from repscore.models.skeleton import BONE_LENGTHS, JOINT
from repscore.models.torso import torso_m, torso_px, torsos_px

DOWN, ASIDE = np.array([0.0, 1.0]), np.array([1.0, 0.0])


def body(size_px: float) -> np.ndarray:
    """Joints (15, 2) of a figure that hangs its arms, mid-hip at the origin."""
    joints = np.zeros((15, 2))
    for (parent, child), length in BONE_LENGTHS.items():
        step = -DOWN if child in ("neck", "nose") else DOWN
        if parent in ("neck", "mid_hip") and child not in ("neck", "nose"):
            step = ASIDE if child.startswith("left") else -ASIDE
        joints[JOINT[child]] = joints[JOINT[parent]] + length * size_px * step
    return joints


def test_the_torso_follows_from_any_bone_in_sight() -> None:
    whole = body(100)
    for names in ((), ("neck", "mid_hip"), ("right_hip", "left_hip", "right_shoulder")):
        part = whole.copy()
        part[[JOINT[name] for name in names]] = np.nan
        assert torsos_px(part[None]) == pytest.approx([100])
    assert np.isnan(torsos_px(whole[None] * np.nan)).all()
    assert np.isnan(torsos_px(whole[None] * 0)).all()


def test_a_foreshortened_trunk_does_not_shorten_the_torso() -> None:
    bent = body(100)
    bent[JOINT["neck"]] = bent[JOINT["mid_hip"]]
    assert torsos_px(bent[None]) == pytest.approx([100])


def test_world_landmarks_give_the_scale_of_the_picture() -> None:
    """A body of half a metre from neck to hip, 200 pixels to the metre, seen for three frames."""
    flat = np.repeat(body(0.5)[None], 3, axis=0)
    world = np.concatenate([flat, np.zeros((3, 15, 1))], axis=-1)
    assert torso_m(world) == pytest.approx(0.5)
    assert torso_px(flat * 200 + 300, world) == pytest.approx(100)
    assert torso_px(flat * 200 + 300, world * np.nan) == pytest.approx(100)
