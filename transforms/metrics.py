"""Counters that every stage keeps, through Beam's metrics."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from apache_beam.metrics import Metrics


class StageMetrics:
    """`in`, `out`, `failed`, `microseconds` of a stage, in the namespace `repscore.<stage>`."""

    def __init__(self, stage: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._namespace = f"repscore.{stage}"
        self._in = Metrics.counter(self._namespace, "in")
        self._out = Metrics.counter(self._namespace, "out")
        self._failed = Metrics.counter(self._namespace, "failed")
        self._microseconds = Metrics.counter(self._namespace, "microseconds")
        self._clock = clock

    def count_in(self) -> None:
        """An element came in."""
        self._in.inc()

    def count_out(self, *, failed: bool = False) -> None:
        """An element went out."""
        self._out.inc()
        if failed:
            self._failed.inc()

    def add(self, name: str, count: int) -> None:
        """Add to a counter of the stage's own."""
        Metrics.counter(self._namespace, name).inc(count)

    def note(self, name: str, *values: int) -> None:
        """Add to a distribution of the stage's own, of which the first and the last count."""
        for value in values:
            Metrics.distribution(self._namespace, name).update(value)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Add the time of the block."""
        start = self._clock()
        yield
        self._microseconds.inc(round(1e6 * (self._clock() - start)))
