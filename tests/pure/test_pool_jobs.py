"""Who shares an actor, and who is blamed for its end."""

from pathlib import Path

import pytest
import videos
from hypothesis import given
from hypothesis import strategies as st

from repscore.transforms.pose.pool_jobs import ATTEMPTS, Job, blame, has_room


@pytest.fixture(scope="module", autouse=True)
def _file(tmp_path_factory: pytest.TempPathFactory) -> None:
    global _path
    _path = tmp_path_factory.mktemp("videos") / "empty.mp4"
    _path.touch()


_path = Path()


def jobs(count: int) -> list[Job]:
    return [Job(videos.segment_of(_path)) for _ in range(count)]


def test_a_place_more_is_given_for_every_eight() -> None:
    assert [has_room(jobs(held), 1, *jobs(1)) for held in (0, 1)] == [True, False]
    assert [has_room(jobs(held), 64, *jobs(1)) for held in (71, 72)] == [True, False]


def test_company_is_a_limit_for_all_in_an_actor() -> None:
    (careful,) = jobs(1)
    careful.company = 2
    assert has_room(jobs(1), 64, careful)
    assert not has_room(jobs(2), 64, careful)
    assert not has_room([careful, *jobs(1)], 64, *jobs(1))


def test_who_was_alone_is_blamed_the_second_time() -> None:
    held = jobs(1)
    assert blame(held) is None
    assert blame(held) is held[0]
    assert held[0].attempts == ATTEMPTS


def test_of_a_time_limit_only_the_late_one_is_under_suspicion() -> None:
    held = jobs(5)
    assert blame(held, held[2:3]) is None
    assert [job.company == 1 for job in held] == [False, False, True, False, False]
    assert {job.attempts for job in held} == {0}


@given(count=st.integers(1, 72), data=st.data())
def test_whoever_ends_every_actor_is_found_and_nobody_else(count: int, data: st.DataObject) -> None:
    """Actors are filled from the front of the queue, as the pool does it."""
    waiting, deaths, good = jobs(count), 0, 0
    bad = waiting[data.draw(st.integers(0, count - 1))]
    while True:
        held: list[Job] = []
        while waiting and has_room(held, 64, waiting[0]):
            held.append(waiting.pop(0))
        if bad not in held:
            good += len(held)
            continue
        deaths += 1
        blamed = blame(held)
        waiting = [job for job in held if job is not blamed] + waiting
        if blamed is not None:
            break
    assert blamed is bad
    assert good + len(waiting) == count - 1
    assert {job.attempts for job in waiting} <= {0}
    assert deaths <= count.bit_length() + 1
