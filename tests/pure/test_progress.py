"""What people see while `watch` runs."""

from repscore.pipelines.watch import line_of
from repscore.transforms.pose.figures import PoseFigures
from repscore.transforms.watch.arrivals import ArrivalStatus

QUIET = ArrivalStatus(waiting=0, in_progress=0, done=0, failed=0, oldest_s=None, active_s=0.0)


def test_the_line_counts_inputs_and_says_how_long_the_oldest_waits() -> None:
    """Two segments failed, of one input."""
    inputs = ArrivalStatus(waiting=3, in_progress=2, done=5, failed=1, oldest_s=40.0, active_s=90.0)
    poses = PoseFigures(segments=9, failed=2, frames=600, first_s=10.0, last_s=70.0)
    assert line_of(inputs, poses, now_s=100.0) == (
        "arrived 10, waiting 3, in progress 2, done 5, failed 1, lag 60 s, 10 frames/s"
    )


def test_before_anything_has_come_there_is_no_rate_and_no_lag() -> None:
    assert line_of(QUIET, PoseFigures(), now_s=100.0) == (
        "arrived 0, waiting 0, in progress 0, done 0, failed 0, lag 0 s"
    )
