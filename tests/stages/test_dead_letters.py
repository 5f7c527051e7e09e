"""One recording that a stage cannot take never ends a run: its failure row names it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from archives import archive
from executions import repetition

from repscore.models.scorer.score import Score
from repscore.pipelines.options import RunnerConfig
from repscore.pipelines.runner.runner import Runner
from repscore.transforms.records import Recording, Video, failure_of
from repscore.transforms.repetitions import order
from repscore.transforms.repetitions.stage import WindowRepetitions
from repscore.transforms.score import stage as score_stage
from repscore.transforms.score.repetitions import ByConsistency, score_each
from repscore.transforms.score.stage import ScoreRepetitions
from repscore.transforms.tables import stage as tables_stage
from repscore.transforms.tables.delta import read_rows
from repscore.transforms.tables.stage import WriteTables

NAMES = ("a", "b", "c")


def rows(root: Path) -> tuple[dict[str, tuple[str, int]], list[tuple[str, str, str]]]:
    """Status and repetitions by input, and the failures: input, stage, class."""
    videos = {r["uri"]: (r["status"], r["repetitions"]) for r in read_rows(str(root), "videos")}
    failures = read_rows(str(root), "failures")
    return videos, [(r["uri"], r["stage"], r["error_class"]) for r in failures]


def run(root: Path) -> tuple[dict[str, tuple[str, int]], list[tuple[str, str, str]]]:
    runner = Runner(RunnerConfig())
    pipeline = runner.pipeline()
    segments = [segment for name in NAMES for segment in archive(root, name)]
    _ = (
        pipeline
        | beam.Create(segments)
        | WindowRepetitions()
        | ScoreRepetitions()
        | WriteTables(str(root))
    )
    runner.run(pipeline)
    return rows(root)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, int]]:
    videos, failures = run(tmp_path_factory.mktemp("whole"))
    assert failures == []
    return videos


def test_poses_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: dict[str, tuple[str, int]]
) -> None:
    before = order.read_people

    def poisoned(path: str) -> Any:
        if "/b/" in path and "/00003-" in path:
            raise RuntimeError("poison")
        return before(path)

    monkeypatch.setattr(order, "read_people", poisoned)
    videos, failures = run(tmp_path)
    assert failures == [("/b", "repetitions", "RuntimeError")]
    assert videos["/b"][0] == "partial"
    assert 0 < videos["/b"][1] < undisturbed["/b"][1]
    assert {k: v for k, v in videos.items() if k != "/b"} == {
        k: v for k, v in undisturbed.items() if k != "/b"
    }


def test_a_recording_that_cannot_be_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: dict[str, tuple[str, int]]
) -> None:
    before, calls = order.choose, []

    def poisoned(people: Any, *more: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("poison")
        return before(people, *more)

    monkeypatch.setattr(order, "choose", poisoned)
    videos, failures = run(tmp_path)
    ((uri, stage, kind),) = failures
    assert (stage, kind) == ("repetitions", "RuntimeError")
    assert videos[uri] == ("partial", 0)
    assert {k: v for k, v in videos.items() if k != uri} == {
        k: v for k, v in undisturbed.items() if k != uri
    }


class Poisoned(ByConsistency):
    def __call__(self, recordings: Sequence[Recording]) -> list[list[Score]]:
        if any(recording.video.uri == "/b" for recording in recordings):
            raise RuntimeError("poison")
        return super().__call__(recordings)


def test_a_recording_that_cannot_be_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: dict[str, tuple[str, int]]
) -> None:
    monkeypatch.setattr(score_stage, "ByConsistency", Poisoned)
    videos, failures = run(tmp_path)
    assert failures == [("/b", "score", "RuntimeError")]
    assert videos == undisturbed | {"/b": ("partial", undisturbed["/b"][1])}
    scores = read_rows(str(tmp_path), "repetitions")
    assert all((row["score"] is None) == (row["video_uri"] == "/b") for row in scores)
    reasons = {row["unscorable_reason"] for row in scores if row["video_uri"] == "/b"}
    assert reasons == {"RuntimeError: poison"}


def test_a_batch_is_tried_one_by_one_before_one_is_blamed() -> None:
    def recording(name: str) -> Recording:
        video = Video(f"/{name}", name, name, 1, "1", (), f"/{name}")
        some = tuple(repetition(start, start + 2.0) for start in (0.0, 2.0, 4.0))
        return Recording(video, None, "v", 1, 90, 90, 90, 90, 1, 6.0, 0.0, some, ())

    batch = [recording(name) for name in NAMES]
    scored = score_each(batch, Poisoned())
    assert [bool(s.recording.failures) for s in scored] == [False, True, False]
    alone = score_each(batch[:1], ByConsistency())
    assert scored[0].scores == alone[0].scores


def test_rows_that_the_tables_cannot_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: dict[str, tuple[str, int]]
) -> None:
    before = tables_stage.rows_of

    def poisoned(scored: Any, run: Any) -> Any:
        made = before(scored, run)
        if scored.recording.video.uri == "/b" and scored.scores:
            return {**made, "repetitions": [{**made["repetitions"][0], "score": "poison"}]}
        return made

    monkeypatch.setattr(tables_stage, "rows_of", poisoned)
    videos, failures = run(tmp_path)
    ((uri, stage, _),) = failures
    assert (uri, stage) == ("/b", "write")
    assert videos == undisturbed | {"/b": ("partial", 0)}


def test_failures_alone_leave_the_other_rows(tmp_path: Path) -> None:
    videos, _ = run(tmp_path)
    video = Video("/a", "a", "a", 1, "1", (), "/a")
    runner = Runner(RunnerConfig())
    pipeline = runner.pipeline()
    lost = replace(failure_of(video, "repetitions", FileNotFoundError("gone")), attempts=2)
    _ = pipeline | beam.Create([(lost,)]) | WriteTables(str(tmp_path))
    runner.run(pipeline)
    assert rows(tmp_path) == (videos, [("/a", "repetitions", "FileNotFoundError")])
