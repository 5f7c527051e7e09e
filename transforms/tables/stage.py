"""Wiring of stage 8: scored recordings in, commits to the dataset's tables out."""
# Beam's own annotations of PTransform and `|` are wrong:
# pyright: reportIncompatibleMethodOverride=false, reportReturnType=false

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import apache_beam as beam

from repscore.transforms.errors import DatasetUnusable, retried, words_of
from repscore.transforms.metrics import StageMetrics
from repscore.transforms.records import Failure, ScoredRecording, failure_of
from repscore.transforms.tables.delta import arrow_of, write_batch
from repscore.transforms.tables.rows import (
    Rows,
    RunStamp,
    merge_rows,
    rows_of,
    rows_of_failures,
    status_of,
)
from repscore.transforms.tables.upkeep import WATCHED_HISTORY_DAYS, try_to_tend


@dataclass(frozen=True, slots=True)
class Commit:
    """A batch of recordings whose rows are visible; nothing could be used of `failed` ones."""

    video_ids: tuple[str, ...]
    rows: int
    failed: int


def _new_run() -> RunStamp:
    return RunStamp(uuid.uuid4().hex, datetime.now(UTC), config="")


@dataclass
class WriteTables(beam.PTransform[ScoredRecording | tuple[Failure, ...], Commit]):
    """Replace the rows of every recording in the dataset at `root`.

    Failures without a recording replace earlier failures of their inputs; other rows stay.

    Each batch is one atomic commit per table, `videos` last: an input that has its row there is
    complete. Rows are replaced, so a bundle that is repeated, a run that is resumed and two runs
    that race leave each recording's rows once. A reader sees a recording's rows of one table
    all or not at all; between the commits of two tables it can see them in one and not the other.

    A batch is committed when it has `batch_size` recordings, at the end of the input, and, on a
    runner with real-time timers (the in-process one has none), `batch_s` after its first one.
    After every `tend_every` commits small files of the tables are merged, and those that no
    snapshot of the last day uses are removed.

    Delivery, bounded and unbounded alike: every recording that enters is visible in the end, each
    of its rows exactly once per (content, configuration), replaced as a whole. On
    an unbounded source rows follow their recording by `batch_s` and the time of a commit. What was
    not committed when a run died is not in `videos`, and is done again.
    """

    root: str
    run: RunStamp = field(default_factory=_new_run)
    batch_size: int = 200
    batch_s: float | None = None
    tend_every: int | None = None

    def expand(
        self, scored: beam.PCollection[ScoredRecording | tuple[Failure, ...]]
    ) -> beam.PCollection[Commit]:
        """Rows, gathered by one writer, committed batch by batch."""
        batches = beam.GroupIntoBatches(self.batch_size, max_buffering_duration_secs=self.batch_s)
        return (
            scored
            | "Rows" >> beam.ParDo(_Rows(self.run))
            | "One writer" >> beam.WithKeys(0)
            | "Gather" >> batches
            | "Commit" >> beam.ParDo(_Commit(self.root, self.tend_every))
        )


class _Rows(beam.DoFn):
    def __init__(self, run: RunStamp) -> None:
        self._run = run
        self._metrics = StageMetrics("write")

    def process(self, element: ScoredRecording | tuple[Failure, ...]) -> Iterator[Rows]:
        run = replace(self._run, processed_at=datetime.now(UTC))
        if not isinstance(element, ScoredRecording):
            self._count_failures(element)
            yield rows_of_failures(element, run)
            return
        self._metrics.count_in()
        element, rows = _rows(element, run)
        status = status_of(element.recording)
        self._metrics.count_out(failed=status == "failed")
        self._metrics.add(f"status.{status}", 1)
        self._metrics.add("repetitions", len(element.recording.repetitions))
        self._count_failures(element.recording.failures)
        yield rows

    def _count_failures(self, failures: Sequence[Failure]) -> None:
        self._metrics.add("failures", len(failures))
        for failure in failures:
            self._metrics.add(f"failures.{failure.stage}.{failure.error_class}", 1)


def _rows(scored: ScoredRecording, run: RunStamp) -> tuple[ScoredRecording, Rows]:
    """Rows that the tables can take; a recording that gives none has its failure alone."""
    try:
        rows = rows_of(scored, run)
        for name, some in rows.items():
            if some:
                arrow_of(name, some)
    except Exception as error:  # one recording never ends a run
        recording = scored.recording
        failures = (*recording.failures, failure_of(recording.video, "write", error))
        bare = replace(recording, repetitions=(), failures=failures)
        scored = replace(scored, recording=bare, scores=())
        return scored, rows_of(scored, run)
    return scored, rows


class _Commit(beam.DoFn):
    def __init__(self, root: str, tend_every: int | None) -> None:
        self._root, self._tend_every = root, tend_every
        self._commits = 0
        self._metrics = StageMetrics("write")

    def process(self, element: tuple[int, Iterable[Rows]]) -> Iterator[Commit]:
        batch = list(element[1])
        rows = merge_rows(batch)
        with self._metrics.timed():
            try:
                retried(lambda: write_batch(self._root, rows))
            except Exception as error:
                raise DatasetUnusable(
                    f"the tables of {self._root} cannot be written: {words_of(error)}"
                ) from error
        self._commits += 1
        if self._tend_every and self._commits % self._tend_every == 0:
            try_to_tend(self._root, WATCHED_HISTORY_DAYS)  # its end says why it cannot be
        status = {r["video_id"]: r["status"] for part in batch for r in part.get("videos", ())}
        failed = sum(value == "failed" for value in status.values())
        yield Commit(tuple(sorted(status)), sum(len(table) for table in rows.values()), failed)
