from dataclasses import replace
from datetime import UTC, datetime

import executions
import pyarrow as pa
import pytest

from repscore.models.scorer.score import Remark, Score
from repscore.transforms.records import (
    Failure,
    Name,
    Probe,
    Recording,
    Repetition,
    ScoredRecording,
    Video,
)
from repscore.transforms.tables.rows import RunStamp, merge_rows, rows_of, rows_of_failures
from repscore.transforms.tables.schemas import SCHEMAS

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2026, 1, 2, 4, tzinfo=UTC)
RUN = RunStamp("run-1", NOW, "config-1")
REMARK = Remark(
    "left_knee", "angle_deg", "turn", 1.0, 1.5, 15, 23, 120, 70, 95, 2.5, "go deeper", {}
)
FAILURE = Failure("/a.mp4", "id-a", "pose", "DecodeError", "damaged after 3 s: copy it again", 1)


def repetition(start_s: float, end_s: float, person: int = 0) -> Repetition:
    return executions.repetition(
        start_s, end_s, person, concentric_s=0.75, range_of_motion_deg=85.0, view="side",
        pose_coverage=0.5,
    )  # fmt: skip


def recording(**changes) -> Recording:
    usual = Recording(
        video=Video("/a.mp4", "id-a", "blake2b:aa", 1000, "1000-77", (), "/a.mp4"),
        probe=Probe(1080, 1920, 29.97, 300, 10.0, 90, "h264"),
        pose_version="poses-1",
        segments=1,
        frames=150,
        frames_with_person=120,
        pictures=150,
        pictures_decoded=150,
        people=1,
        decoded_s=10.0,
        pose_s=4.0,
        repetitions=(),
        failures=(),
    )
    return replace(usual, **changes)


def scored(found: Recording, *scores: Score) -> ScoredRecording:
    return ScoredRecording(found, scores, "scorer-1")


def test_a_recording_fills_every_table():
    found = recording(repetitions=(repetition(0, 2), repetition(3, 5.5)), failures=(FAILURE,))
    good = Score(80.0, 70.0, 90.0, "reference", "squat", 0.9, None, remarks=(REMARK,))
    unknown = Score(None, None, None, "reference", "squat", 0.4, "seen from the back")
    rows = rows_of(scored(found, good, unknown), RUN)
    first, second = rows["repetitions"]
    assert (first["repetition"], first["score"], first["scorable"]) == (0, 80.0, True)
    assert (second["repetition"], second["score"], second["scorable"]) == (1, None, False)
    assert second["unscorable_reason"] == "seen from the back"
    assert second["duration_s"] == 2.5
    assert first["eccentric_s"] is None
    assert first["concentric_s"] == 0.75
    (one_set,) = rows["sets"]
    assert (one_set["set_index"], one_set["repetitions"], one_set["mean_score"]) == (0, 2, 80.0)
    (remark,) = rows["feedback"]
    assert (remark["repetition"], remark["joint"], remark["deviation"]) == (0, "left_knee", 2.5)
    (failure,) = rows["failures"]
    assert failure["message"] == "damaged after 3 s: copy it again"
    assert rows["videos"][0]["pose_coverage"] == 0.8


def test_rows_have_the_columns_of_their_tables():
    found = recording(repetitions=(repetition(0, 2),), failures=(FAILURE,))
    rows = rows_of(scored(found, Score(80.0, 1.0, 99.0, "consistency", remarks=(REMARK,))), RUN)
    assert set(rows) == set(SCHEMAS) - {"runs"}
    for name, table in rows.items():
        assert [list(row) for row in table] != []
        assert {key for row in table for key in row} == set(SCHEMAS[name].names), name
        assert pa.Table.from_pylist(list(table), schema=SCHEMAS[name]).num_rows == len(table)


def test_the_order_of_the_repetitions_columns_is_the_contract():
    assert SCHEMAS["repetitions"].names == [
        "video_id",
        "video_uri",
        "person",
        "repetition",
        "start_s",
        "end_s",
        "exercise",
        "exercise_confidence",
        "score",
        "score_low",
        "score_high",
        "scorable",
        "unscorable_reason",
        "score_kind",
        "confidence",
        "duration_s",
        "out_s",
        "hold_s",
        "back_s",
        "amplitude_torsos",
        "eccentric_s",
        "concentric_s",
        "range_of_motion_deg",
        "symmetry",
        "view",
        "pose_coverage",
        "scorer_version",
        "pose_version",
        "unseen",
        "run_id",
        "processed_at",
    ]


def test_every_column_says_what_it_means():
    for name, schema in SCHEMAS.items():
        for field in schema:
            assert field.metadata[b"comment"], f"{name}.{field.name}"
            if field.name.endswith("_s"):
                assert field.metadata.get(b"unit") in {b"s", b"1/s"} or field.name == "stage_s"


def test_repetitions_of_several_people_rank_in_time_order():
    found = recording(repetitions=(repetition(4, 6), repetition(0, 2), repetition(2, 4, person=1)))
    scores = [Score(value, value, value, "consistency") for value in (60.0, 10.0, 30.0)]
    rows = rows_of(scored(found, *scores), RUN)["repetitions"]
    assert [(r["repetition"], r["person"], r["score"]) for r in rows] == [
        (0, 0, 10.0),
        (1, 1, 30.0),
        (2, 0, 60.0),
    ]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "ok"),
        ({"frames_with_person": 0}, "no_person"),
        ({"failures": (FAILURE,)}, "partial"),
        ({"failures": (FAILURE,), "frames": 0, "frames_with_person": 0}, "failed"),
    ],
)
def test_status(changes, status):
    (row,) = rows_of(scored(recording(**changes)), RUN)["videos"]
    assert row["status"] == status


def test_what_is_not_known_is_null():
    nothing = recording(
        probe=None, frames=0, frames_with_person=0, people=0, decoded_s=0.0, failures=(FAILURE,)
    )
    rows = rows_of(scored(nothing), RUN)
    (row,) = rows["videos"]
    assert [row[key] for key in ("duration_s", "fps", "width_px", "pose_coverage")] == [None] * 4
    assert rows["repetitions"] == rows["sets"] == rows["feedback"] == []


def test_a_content_with_two_names_has_its_repetitions_once_and_is_listed_twice():
    copy_of_it = Name("/copy.mp4", "1000-99", LATER)
    video = replace(recording().video, duplicates=(copy_of_it,), arrived_at=NOW)
    found = recording(video=video, repetitions=(repetition(0, 2),))
    rows = rows_of(scored(found, Score(5.0, 5.0, 5.0, "consistency")), RUN)
    assert [row["video_uri"] for row in rows["repetitions"]] == ["/a.mp4"]
    first, copy = rows["videos"]
    assert (first["uri"], first["duplicate_of"]) == ("/a.mp4", None)
    assert (copy["uri"], copy["stamp"], copy["duplicate_of"]) == ("/copy.mp4", "1000-99", "/a.mp4")
    assert copy["video_id"] == first["video_id"]
    assert (first["arrived_at"], copy["arrived_at"]) == (NOW, LATER)


def test_of_an_input_that_comes_twice_in_a_batch_the_later_counts():
    old = rows_of(scored(recording()), RUN)
    changed = Video("/a.mp4", "id-new", "blake2b:bb", 9, "9-99", (), "/a.mp4")
    new = rows_of(scored(recording(video=changed)), RUN)
    other = Video("/b.mp4", "id-b", "blake2b:cc", 9, "9-98", (), "/b.mp4")
    rows = merge_rows([old, rows_of(scored(recording(video=other)), RUN), new])
    assert [row["video_id"] for row in rows["videos"]] == ["id-b", "id-new"]


def test_failures_alone():
    rows = rows_of_failures([replace(FAILURE, video_id=None)], RUN)
    assert list(rows) == ["failures"]
    assert rows["failures"][0]["video_id"] is None


def test_a_stamp_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        RunStamp("run", datetime(2026, 1, 1), "config")
