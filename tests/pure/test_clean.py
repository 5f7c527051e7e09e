"""Which joints of a frame count as seen."""

import numpy as np
import pytest

from repscore.transforms.records import PoseFrames
from repscore.transforms.repetitions.clean import Samples, samples_of, seen


def frames(visibility: np.ndarray, rate_hz: float = 15.0) -> PoseFrames:
    """Fifteen joints that stay where they are, all of the same visibility (N,)."""
    n = len(visibility)
    return PoseFrames(
        topology="canonical15",
        time_s=np.arange(n) / rate_hz,
        image_px=np.ones((n, 15, 3), np.float32),
        world_m=np.ones((n, 15, 3), np.float32),
        visibility=np.repeat(visibility[:, None], 15, axis=1).astype(np.float32),
    )


def shown(samples: Samples) -> list[bool]:
    """Per frame, whether its joints have a place; all of them have one or none has."""
    there = ~np.isnan(np.concatenate([samples.image_px, samples.world_m], axis=-1))
    assert (there == there[:, :1, :1]).all()
    return there[:, 0, 0].tolist()


@pytest.mark.parametrize("rate_hz", [10.0, 15.0, 30.0, 60.0])
def test_a_joint_that_flickers_at_the_limit_is_seen_or_not_but_does_not_flicker(
    rate_hz: float,
) -> None:
    flickering = 0.01 + np.arange(40) % 2 * 0.4
    assert set(shown(seen(samples_of(frames(flickering + 0.2, rate_hz))))) == {True}
    assert set(shown(seen(samples_of(frames(flickering, rate_hz))))) == {False}


def test_a_joint_that_leaves_is_hidden_from_then_on() -> None:
    visible = np.where(np.arange(40) < 20, 1.0, 0.01)
    there = shown(seen(samples_of(frames(visible))))
    assert there == sorted(there, reverse=True)
    assert sum(there) == pytest.approx(20, abs=2)


def test_frames_without_a_place_neither_get_one_nor_take_it_from_others() -> None:
    visible = np.where(np.arange(12) % 4 == 0, 1.0, 0.0)
    assert shown(seen(samples_of(frames(visible)))) == (visible > 0).tolist()


def test_where_the_frames_begin_decides_nothing() -> None:
    rng = np.random.default_rng(0)
    samples = samples_of(frames(rng.uniform(0.0, 0.6, 400)))
    whole = shown(seen(samples))
    for begin in (7, 33, 180):
        later = seen(samples.between(samples.time_s[begin], np.inf))
        assert shown(later)[4:] == whole[begin + 4 :], "four frames are a quarter of a second"
