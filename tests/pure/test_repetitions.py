"""Counting the synthetic athlete: whatever the exercise, tempo, view, size and frame rate."""

from dataclasses import replace

import athletes
import numpy as np
import pytest

from repscore.pipelines.demo.athlete import Motion
from repscore.pipelines.demo.cast import CAST, Performance
from repscore.pipelines.demo.scene import Camera
from repscore.transforms.records import PoseFrames, Repetition
from repscore.transforms.repetitions import motion

NAMES = [clip.file_name.removesuffix(".mp4") for clip in CAST]


def run(poses: PoseFrames) -> list[Repetition]:
    state, found = motion.step(motion.start(0), poses)
    return [*found, *motion.finish(state)]


def seen(clip: Performance, rate_hz: float = 30.0) -> PoseFrames:
    return athletes.poses(clip.motion, clip.camera, rate_hz)


def right(found: list[Repetition], clip: Performance) -> bool:
    """The count is exact, but for what is known to be cut from top to top instead.

    In body coordinates a press is a pull-up, and of hurried curls that never come down the rests
    are as short at the top: half a repetition is lost at either end.
    """
    hard = clip.exercise == "shoulder_press" or clip.motion.faults.too_fast > 0
    return abs(len(found) - clip.repetitions) <= (2 if hard else 0)


@pytest.mark.parametrize("clip", CAST, ids=NAMES)
def test_every_performance_is_counted_and_cut(clip: Performance) -> None:
    found = run(seen(clip))
    assert right(found, clip)
    if clip.exercise == "shoulder_press" or len(found) != clip.repetitions:
        return
    for one, true in zip(found, clip.windows, strict=True):
        common = min(one.end_s, true.end_s) - max(one.start_s, true.start_s)
        union = max(one.end_s, true.end_s) - min(one.start_s, true.start_s)
        assert common / union > 0.5
        assert one.turn_s == pytest.approx(true.turn_s, abs=0.35)
    assert found[0].start_s < clip.windows[0].start_s + 0.3, "after rest a start is hardly late"


@pytest.mark.parametrize("clip", CAST[::2], ids=NAMES[::2])
@pytest.mark.parametrize("factor", [0.7, 1.4])
def test_tempo_does_not_matter(clip: Performance, factor: float) -> None:
    assert right(run(athletes.stretched(seen(clip), factor)), clip)


@pytest.mark.parametrize("clip", CAST[1::2], ids=NAMES[1::2])
@pytest.mark.parametrize("rate_hz", [10, 15, 60])
def test_the_frame_rate_does_not_matter(clip: Performance, rate_hz: float) -> None:
    assert right(run(seen(clip, rate_hz)), clip)


@pytest.mark.parametrize("clip", CAST[::2], ids=NAMES[::2])
def test_mirror_size_and_place_do_not_matter(clip: Performance) -> None:
    plain = seen(clip)
    assert right(run(athletes.mirrored(plain, clip.camera.width_px)), clip)
    for scale, shift_px in ((0.2, 40.0), (4.0, -300.0)):
        moved = replace(plain, image_px=plain.image_px * np.float32(scale) + np.float32(shift_px))
        assert right(run(moved), clip)


def test_a_hold_is_no_repetition() -> None:
    """Squats that are never left: the athlete stands, sways and breathes for a minute."""
    still = Motion("squat", 0, lead_s=30.0)
    assert run(athletes.poses(still, Camera())) == []
    held = athletes.poses(Motion("push_up", 0, lead_s=30.0), CAST[3].camera)
    assert run(held) == []


def test_the_bottom_of_a_squat_may_be_held_for_half_a_minute() -> None:
    one = athletes.poses(Motion("squat", 4, seed=3), Camera())
    turn = int(np.searchsorted(one.time_s, Motion("squat", 4, seed=3).windows[1].turn_s))
    rows = np.concatenate([np.arange(turn), np.full(900, turn), np.arange(turn, len(one.time_s))])
    held = athletes.part(one, rows)
    held = replace(held, time_s=np.arange(len(rows)) / 30.0)
    assert len(run(held)) in (3, 4), "a hold longer than any repetition may cost its own"


def test_a_rest_between_sets_and_another_view_after_it() -> None:
    """Four squats from one side, 15 s of standing, five from another."""
    first = athletes.poses(Motion("squat", 4, seed=1), Camera(azimuth_deg=30))
    rest = athletes.poses(Motion("squat", 0, lead_s=7.5, seed=2), Camera(azimuth_deg=30))
    second = athletes.poses(Motion("squat", 5, seed=3), Camera(azimuth_deg=-40))
    found = run(athletes.joined(first, rest, second))
    assert len(found) == 9
    rest_s = (first.time_s[-1] + 0.5, first.time_s[-1] + 14.0)
    assert not [one for one in found if one.start_s > rest_s[0] and one.end_s < rest_s[1]]


def test_a_gap_in_sight_costs_what_it_hides_alone() -> None:
    clip = CAST[1]
    plain = seen(clip)
    hidden = (plain.time_s > clip.windows[2].start_s) & (plain.time_s < clip.windows[2].end_s)
    lost = replace(plain, image_px=plain.image_px.copy(), visibility=plain.visibility.copy())
    lost.image_px[hidden], lost.visibility[hidden] = np.nan, 0
    assert clip.repetitions - 1 <= len(run(lost)) <= clip.repetitions


def test_the_upper_body_alone_is_enough_for_the_arms() -> None:
    clip = next(one for one in CAST if one.exercise == "biceps_curl")
    plain = seen(clip)
    above = plain.visibility.copy()
    above[:, 8:] = 0
    assert right(run(replace(plain, visibility=above)), clip)


def test_phases_add_up() -> None:
    for one in run(seen(CAST[0])):
        total_s = one.out_s + one.hold_s + one.back_s
        assert total_s == pytest.approx(one.end_s - one.start_s, abs=0.11)
        assert 0 <= one.confidence <= 1
        assert one.amplitude_torsos > 0.5


def test_what_is_remembered_does_not_grow() -> None:
    clip = CAST[0]
    poses = athletes.joined(*[seen(clip, 15.0)] * 20)

    def size(state: motion.MotionState) -> int:
        arrays = (state.joints, state.visibility, state.vectors, state.phases)
        return sum(len(one) for one in arrays) + len(state.samples.time_s)

    state, sizes = motion.start(0), []
    for begin in range(0, len(poses.time_s), 150):
        state, _ = motion.step(state, athletes.part(poses, slice(begin, begin + 150)))
        sizes.append(size(state))
    assert max(sizes[len(sizes) // 2 :]) <= max(sizes[: len(sizes) // 2]) + 150


def test_a_repetition_leaves_soon_after_its_end() -> None:
    poses = athletes.joined(*[seen(CAST[0], 15.0)] * 3)
    state, late_s = motion.start(0), []
    for begin in range(len(poses.time_s)):
        state, found = motion.step(state, athletes.part(poses, slice(begin, begin + 1)))
        late_s += [poses.time_s[begin] - one.end_s for one in found]
    assert late_s
    assert max(late_s) < 9.0


def test_limbs_that_come_into_sight_late_change_nothing_under_cuts() -> None:
    """Legs are first seen after 5 s: a hop knows nothing of later ones that came with it."""
    plain = seen(CAST[1], 15.0)
    late = plain.visibility.copy()
    late[plain.time_s < 5.0, 9:] = 0
    late[plain.time_s > 9.0, 2:5] = 0
    cuts_change_nothing(replace(plain, visibility=late))


def test_limbs_that_flicker_in_and_out_of_sight_change_nothing_under_cuts() -> None:
    plain = seen(CAST[1], 15.0)
    flickering = plain.visibility.copy()
    rng = np.random.default_rng(0)
    flickering[:, 9:] = rng.uniform(0.0, 0.6, flickering[:, 9:].shape)
    cuts_change_nothing(replace(plain, visibility=flickering))


def cuts_change_nothing(poses: PoseFrames) -> None:
    """Frame by frame as in one piece, to the last bit."""
    state, found = motion.start(0), []
    for row in range(len(poses.time_s)):
        state, some = motion.step(state, athletes.part(poses, slice(row, row + 1)))
        found += some
    found += motion.finish(state)
    expected = run(poses)
    assert expected
    assert [(one.start_s, one.confidence, one.body.tobytes()) for one in found] == [
        (one.start_s, one.confidence, one.body.tobytes()) for one in expected
    ]
