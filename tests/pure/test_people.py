"""Who is who by place alone: bodies of torso length 100 px that walk, cross and hide."""

import numpy as np
import pytest

from repscore.models.people import Following, distances_px, follow, pairs_within
from repscore.models.skeleton import JOINT

FPS = 30.0


def body(x_px: float, y_px: float = 0.0, size_px: float = 100.0) -> np.ndarray:
    """Somebody upright who faces us, (15, 2): neck at the origin, torso of the given length."""
    joints = np.zeros((15, 2))
    places = {"nose": (0, -0.4), "neck": (0, 0), "mid_hip": (0, 1)}
    for side, sign in (("right", -1), ("left", 1)):
        places |= {f"{side}_shoulder": (0.35 * sign, 0), f"{side}_elbow": (0.4 * sign, 0.6)}
        places |= {f"{side}_wrist": (0.4 * sign, 1.1), f"{side}_hip": (0.2 * sign, 1)}
        places |= {f"{side}_knee": (0.2 * sign, 1.8), f"{side}_ankle": (0.2 * sign, 2.6)}
    for name, place in places.items():
        joints[JOINT[name]] = place
    return joints * size_px + [x_px, y_px]


def without(joints: np.ndarray, *names: str) -> np.ndarray:
    joints = joints.copy()
    joints[[JOINT[name] for name in names]] = np.nan
    return joints


def identities(frames: list[list[np.ndarray]], fps: float = FPS) -> list[list[int]]:
    following, persons = Following(), []
    for index, people in enumerate(frames):
        joints = np.array(people).reshape(-1, 15, 2)
        following, person = follow(following, index / fps, joints)
        persons.append(person.tolist())
    return persons


def test_the_order_in_the_file_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    places = [0.0, 250.0, 500.0, 750.0]
    frames, orders = [], []
    for index in range(40):
        order = rng.permutation(4) if index else np.arange(4)
        frames.append([body(places[who] + 3 * index) for who in order])
        orders.append(order.tolist())
    assert identities(frames) == orders


def test_two_who_cross_keep_their_names() -> None:
    """They walk at two torsos a second towards each other, one a little behind the other."""
    step_px = 200 / FPS
    frames = [[body(step_px * i), body(400 - step_px * i, 15)] for i in range(60)]
    assert identities(frames) == [[0, 1]] * 60


def test_two_who_hide_each_other_keep_their_names() -> None:
    """As above, and while they are within a torso of each other one alone is seen."""
    step_px = 200 / FPS
    frames = []
    for i in range(60):
        left, right = body(step_px * i), body(400 - step_px * i, 15)
        hidden = abs(left[0, 0] - right[0, 0]) < 60
        frames.append([right] if hidden else [left, right])
    found = identities(frames)
    assert [len(people) for people in found].count(1) > 5
    assert all(people == ([1] if len(people) == 1 else [0, 1]) for people in found)


@pytest.mark.parametrize(("away_s", "same"), [(0.8, True), (1.5, False)])
def test_who_is_away_for_long_is_somebody_new(away_s: float, same: bool) -> None:
    away = round(away_s * FPS)
    frames = [[body(0)]] * 10 + [[]] * away + [[body(5)]]
    assert identities(frames)[-1] == ([0] if same else [1])


def test_a_number_is_never_given_twice() -> None:
    frames = [[body(0)], *([[]] * 60), [body(0)], *([[]] * 60), [body(0)]]
    assert [people for people in identities(frames) if people] == [[0], [1], [2]]


def test_a_part_of_somebody_is_known_and_yields_to_the_whole() -> None:
    legs = ("right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle")
    upper = without(body(0), *legs, "mid_hip")
    arm = body(0) * np.nan
    arm[[2, 3, 4]] = body(0)[[2, 3, 4]]
    assert identities([[body(0)], [upper], [body(0)]]) == [[0], [0], [0]]
    assert identities([[body(0)], [arm, body(8)]]) == [[0], [-1, 0]]


def test_fewer_than_four_joints_are_nobody() -> None:
    fragment = body(0) * np.nan
    fragment[:3] = body(0)[:3]
    assert identities([[fragment, body(600)]]) == [[-1, 0]]
    assert identities([[body(0) * np.nan], []]) == [[-1], []]


def test_the_size_of_a_body_does_not_matter() -> None:
    small = [[body(0, size_px=10), body(20, size_px=10)]] * 3
    large = [[body(0, size_px=900), body(1800, size_px=900)]] * 3
    assert identities(small) == identities(large) == [[0, 1]] * 3


def test_a_distance_is_the_median_of_the_joints_in_sight_on_both_sides() -> None:
    here, there = body(0), body(30)
    assert distances_px(here, there) == pytest.approx(30)
    assert distances_px(without(here, "nose"), there) == pytest.approx(30)
    assert distances_px(np.full_like(here, np.nan), there) == np.inf


def test_pairs_have_the_least_sum_and_none_costs_too_much() -> None:
    assert sorted(pairs_within(np.array([[1.0, 2.0], [1.5, 9.0]]), 3)) == [(0, 1), (1, 0)]
    assert pairs_within(np.array([[np.inf, 4.0]]), 3) == []
    assert pairs_within(np.empty((0, 3)), 3) == []
