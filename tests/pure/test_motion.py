"""Keypoints to repetitions: what must hold however a stream is cut, and whoever is in it."""

from dataclasses import replace
from itertools import pairwise

import fakes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repscore.models.phases.network import HOP, LOOKAHEAD, PHASE_CLASSES, Memory, PhaseNetwork
from repscore.transforms.records import PoseFrames, Repetition
from repscore.transforms.repetitions import motion
from research.phases.examples import phases_of

RATE_HZ, LENGTH_S = 15, 24.0


def raises(rate_hz: float = RATE_HZ, tempo: float = 1.0) -> PoseFrames:
    """Arm raises that last 2 s each: 12 of them in 24 s at the plain tempo."""
    estimator = fakes.ArmRaiser()
    frame = np.zeros((2, 2, 3), np.uint8)
    times = np.arange(round(LENGTH_S * rate_hz)) / rate_hz
    found = [estimator.track(frame, float(time_s) * tempo) for time_s in times]
    return PoseFrames(
        "blazepose33",
        times,
        np.concatenate([people.image_px for people in found]),
        np.concatenate([people.world_m for people in found]),
        np.concatenate([people.visibility for people in found]),
    )


def part(poses: PoseFrames, first: int, after: int) -> PoseFrames:
    rows = slice(first, after)
    return PoseFrames(
        poses.topology,
        poses.time_s[rows],
        poses.image_px[rows],
        poses.world_m[rows],
        poses.visibility[rows],
    )


def run(*blocks: PoseFrames) -> list[Repetition]:
    state, found = motion.start(0), []
    for block in blocks:
        state, some = motion.step(state, block)
        found += some
    return [*found, *motion.finish(state)]


def told(repetitions: list[Repetition]) -> list[tuple[object, ...]]:
    return [
        (one.start_s, one.turn_s, one.end_s, one.confidence, one.body.tobytes())
        for one in repetitions
    ]


WHOLE = raises()
EXPECTED = told(run(WHOLE))


def test_every_raise_is_counted_and_turns_overhead() -> None:
    found = run(WHOLE)
    assert abs(len(found) - 12) <= 1, "the last one ends with the frames"
    for one in found:
        assert 1.4 < one.end_s - one.start_s <= 2.1, "at the bottom the arms hardly move"
        assert one.turn_s % 2 == pytest.approx(1.0, abs=0.2), "the arms are overhead at odd seconds"


class Scripted(PhaseNetwork):
    """Says what it is told to say of each instant."""

    def start(self, first: np.ndarray) -> Memory:
        return Memory(0, first, first, ())

    def step(
        self, memory: Memory, vectors: np.ndarray, present: np.ndarray
    ) -> tuple[Memory, np.ndarray]:
        rows = np.clip(memory.age + np.arange(HOP) - LOOKAHEAD, 0, len(self.weights["said"]) - 1)
        after = replace(memory, age=memory.age + HOP)
        return after, self.weights["said"][rows].astype(np.float64)


def found_where(*spans: tuple[int, int]) -> list[tuple[int, int]]:
    """The repetitions in the raises, as instants, if a network says that these are there."""
    phase = phases_of(np.arange(400.0), spans)
    chance = np.full((400, 1 + PHASE_CLASSES), 0.01)
    chance[np.arange(400), phase] = 1 - 0.01 * PHASE_CLASSES
    scripted = Scripted({"said": np.log(chance).astype(np.float32)})
    state, found = motion.step(motion.start(0), WHOLE, scripted)
    found = (*found, *motion.finish(state, scripted))
    return [(round(one.start_s * RATE_HZ), round(one.end_s * RATE_HZ)) for one in found]


def test_a_pause_belongs_to_no_repetition() -> None:
    spans = [(15, 45), (50, 80), (110, 130), (142, 162)]
    assert found_where(*spans) == spans


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(0, len(WHOLE.time_s)), max_size=12))
def test_cuts_change_nothing(cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), len(WHOLE.time_s)]
    blocks = [part(WHOLE, a, b) for a, b in pairwise(bounds) if a < b]
    assert told(run(*blocks)) == EXPECTED


def test_one_frame_at_a_time_changes_nothing() -> None:
    count = len(WHOLE.time_s)
    assert told(run(*(part(WHOLE, i, i + 1) for i in range(count)))) == EXPECTED


@pytest.mark.parametrize("rate_hz", [10, 30, 60])
def test_the_frame_rate_does_not_matter(rate_hz: float) -> None:
    assert abs(len(run(raises(rate_hz))) - len(EXPECTED)) <= 1


@pytest.mark.parametrize(("scale", "shift_px"), [(0.4, 0.0), (3.0, 500.0)])
def test_size_and_place_do_not_matter(scale: float, shift_px: float) -> None:
    moved = replace(WHOLE, image_px=WHOLE.image_px * scale + np.float32(shift_px))
    assert len(run(moved)) == len(EXPECTED)


def test_a_picture_without_depth_is_enough() -> None:
    flat = replace(WHOLE, world_m=np.full_like(WHOLE.world_m, np.nan))
    found = run(flat)
    assert abs(len(found) - len(EXPECTED)) <= 1
    assert all(np.isnan(one.body).all() for one in found)


def test_nobody_and_somebody_who_stands_still_make_no_repetitions() -> None:
    rng = np.random.default_rng(0)
    still = WHOLE.image_px[:1] + rng.normal(0, 0.3, WHOLE.image_px.shape).astype(np.float32)
    idle = replace(WHOLE, image_px=still, world_m=np.repeat(WHOLE.world_m[:1], len(still), 0))
    assert run(idle) == []
    absent = replace(
        WHOLE,
        image_px=np.full_like(WHOLE.image_px, np.nan),
        world_m=np.full_like(WHOLE.world_m, np.nan),
        visibility=np.zeros_like(WHOLE.visibility),
    )
    assert run(absent) == []


def test_landmarks_in_one_point_are_nobody() -> None:
    assert run(replace(WHOLE, image_px=np.zeros_like(WHOLE.image_px))) == []


def test_the_keypoints_are_normalised() -> None:
    one = run(WHOLE)[3]
    frames = len(one.time_s)
    assert one.flat.shape == (frames, 15, 2)
    assert one.body.shape == (frames, 15, 3)
    hips = one.flat[:, 8].astype(float)
    assert np.allclose(hips, 0, atol=1e-2), "mid-hip is the origin"
    torso = np.linalg.norm(one.flat[:, 1].astype(float) - hips, axis=-1)
    assert np.allclose(torso, 1, atol=0.1), "the torso is one long"
