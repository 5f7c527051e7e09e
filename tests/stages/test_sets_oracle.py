"""Sets against Beam's own session windows, which have the same semantics in batch."""

import random

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import Sessions, TimestampedValue
from executions import repetition

from repscore.models.scorer.score import Score
from repscore.transforms.score.sets import GAP_S, sets_of


@pytest.mark.parametrize("seed", range(3))
def test_sets_are_sessions(seed: int) -> None:
    rng = random.Random(seed)
    found = []
    for person in (0, 1):
        time_s = 0.0
        for _ in range(30):
            time_s += rng.choice([0.5, 2.0, 19.5, 20.0, 45.0])
            length_s = rng.choice([1.0, 3.5])
            found.append((repetition(time_s, time_s + length_s, person), rng.choice(["a", None])))
            time_s += length_s
    scores = [Score(1.0, None, None, "consistency", exercise) for _, exercise in found]
    expected = [
        ((one.person, str(one.exercise)), one.repetitions)
        for one in sets_of([one for one, _ in found], scores)
    ]
    # A session starts anew with every element: its start and its end keep a repetition's set open.
    elements = [
        ((one.person, str(name)), time_s)
        for one, name in found
        for time_s in (one.start_s, one.end_s)
    ]
    with beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([])) as pipeline:
        sessions = (
            pipeline
            | beam.Create(elements)
            | beam.Map(lambda element: TimestampedValue(element, element[1]))
            | beam.WindowInto(Sessions(GAP_S))
            | beam.GroupByKey()
            | beam.MapTuple(lambda key, times_s: (key, len(list(times_s)) // 2))
        )
        assert_that(sessions, equal_to(expected))
