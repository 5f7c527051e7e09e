"""What the pose stage has done, counted in pieces and put together."""

from collections import Counter

from repscore.transforms.pose.figures import figures_of, joined


def test_counters_add_up_and_ends_stay_ends() -> None:
    first = Counter({"pose out": 2, "pose worked first": 5, "pose worked last": 9})
    later = Counter({"pose out": 3, "pose worked first": 7, "pose worked last": 30})
    together = {"pose out": 5, "pose worked first": 5, "pose worked last": 30}
    assert joined(first, later) == joined(later, first) == together
    assert joined(Counter(), later) == later


def test_a_run_is_the_sum_of_its_segments() -> None:
    counts = Counter(
        {
            "pose out": 7, "pose failed": 1, "pose reused": 2, "pose frames": 300,
            "pose decoded_microseconds": 20_000_000, "pose microseconds": 8_000_000,
            "pose actors last": 2, "pose worked first": 1_000_000, "pose worked last": 6_000_000,
        }
    )  # fmt: skip
    figures = figures_of(counts)
    assert (figures.segments, figures.failed, figures.reused, figures.frames) == (7, 1, 2, 300)
    assert (figures.actors, figures.decoded_s, figures.busy_s, figures.span_s) == (2, 20, 8, 5)


def test_a_run_without_work_has_no_span() -> None:
    figures = figures_of(Counter({"pose out": 4, "pose reused": 4}))
    assert (figures.first_s, figures.span_s, figures.frames) == (None, 0.0, 0)
