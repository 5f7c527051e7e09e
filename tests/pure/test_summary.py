import io
import json
from datetime import UTC, datetime

import pytest

from repscore.pipelines.query import QueryError
from repscore.pipelines.summary import print_summary, summary
from repscore.transforms.tables.delta import append_run, write_batch

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STAMPS = {"run_id": "1", "processed_at": NOW}


def video(name: str, status: str, **more):
    return {
        "video_id": name,
        "uri": f"gs://bucket/archive/{name}.mp4",
        "fingerprint": name,
        "stamp": name,
        "duplicate_of": None,
        "status": status,
        "config": "c",
        "decoded_s": 1800.0,
        "repetitions": 0,
        **STAMPS,
        **more,
    }


def repetition(name: str, rank: int, exercise: str | None, score: float | None):
    return {
        "video_id": name,
        "video_uri": f"gs://bucket/archive/{name}.mp4",
        "person": 0,
        "repetition": rank,
        "start_s": float(rank),
        "end_s": rank + 1.0,
        "duration_s": 1.0,
        "confidence": 1.0,
        "amplitude_torsos": 1.0,
        "back_s": 1.0,
        "hold_s": 1.0,
        "out_s": 1.0,
        "exercise": exercise,
        "score": score,
        "scorable": score is not None,
        "score_kind": "reference",
        "scorer_version": "s",
        "pose_version": "p",
        **STAMPS,
    }


@pytest.fixture
def root(tmp_path):
    """Squats of 80 and 60 and one unscored in one set, an unknown movement, a copy, a failure."""
    first = video("squats", "ok", repetitions=4)
    copy = {**first, "uri": "gs://bucket/archive/copy.mp4", "duplicate_of": first["uri"]}
    sets = [
        {
            "video_id": "squats",
            "video_uri": first["uri"],
            "person": 0,
            "set_index": index,
            "exercise": exercise,
            "start_s": 0.0,
            "end_s": 3.0,
            "repetitions": 3,
            "count_low": 2,
            "count_high": 4 + 4 * index,
            "unsure": index == 1,
            "scored": 2,
            "tempo_per_min": 60.0,
            **STAMPS,
        }
        for index, exercise in enumerate(["squat", None])
    ]
    write_batch(
        str(tmp_path),
        {
            "videos": [first, copy, video("broken", "failed", decoded_s=0.0)],
            "repetitions": [
                repetition("squats", 0, "squat", 80.0),
                repetition("squats", 1, "squat", 60.0),
                repetition("squats", 2, "squat", None),
                repetition("squats", 3, None, None),
            ],
            "sets": sets,
            "failures": [
                {
                    "video_id": "broken",
                    "uri": "gs://bucket/archive/broken.mp4",
                    "stage": "probe",
                    "error_class": "NoVideo",
                    "message": "holds no video: check the upload",
                    "attempts": 1,
                    **STAMPS,
                }
            ],
        },
    )
    append_run(
        str(tmp_path),
        {
            "run_id": "1",
            "started_at": NOW,
            "finished_at": NOW,
            "videos": 2,
            "skipped": 5,
            "frames": 4500,
            "wall_s": 60.0,
            "frames_per_s": 75.0,
            "limiting_stage": "pose",
        },
    )
    return str(tmp_path)


def test_figures(root):
    found = summary(root)
    assert found.status == {"ok": 2, "failed": 1}
    assert found.totals == {
        "inputs": 3,
        "duplicates": 1,
        "video_hours": 0.5,
        "repetitions": 4,
        "sets": 2,
        "unsure": 1,
        "failures": 1,
    }
    squat, unknown = found.exercises
    assert (squat["exercise"], squat["repetitions"], squat["scored"]) == ("squat", 3, 2)
    assert (squat["mean_score"], squat["sets"], squat["videos"]) == (70.0, 1, 1)
    assert (unknown["exercise"], unknown["mean_score"], unknown["sets"]) == (None, None, 1)
    broken, squats = found.videos
    assert (broken["status"], broken["sets"], broken["mean_score"]) == ("failed", None, None)
    assert (squats["exercises"], squats["repetitions"], squats["sets"]) == ("squat", 4, 2)
    assert found.failures[0]["message"] == "holds no video: check the upload"


def test_for_people(root):
    out = io.StringIO()
    print_summary(root, out=out)
    text = out.getvalue()
    for part in (
        "3 inputs (1 of them copies): 2 ok, 1 failed",
        "0.50 h of video, 4 repetitions in 2 sets (1 with an unsure count), 1 failures",
        "60.0 s: 2 videos, 5 unchanged, 4500 frames at 75 frames/s, limited by pose",
        "Videos in gs://bucket/archive/",
        "(not known)",
        "broken.mp4 (probe)  holds no video: check the upload",
    ):
        assert part in text


def test_for_machines(root):
    out = io.StringIO()
    print_summary(root, as_json=True, out=out)
    found = json.loads(out.getvalue())
    assert found["totals"]["repetitions"] == 4
    assert found["last_run"]["started_at"] == NOW.isoformat()
    assert found["exercises"][0]["mean_score"] == 70.0


def test_an_empty_dataset(tmp_path):
    found = summary(str(tmp_path))
    assert found.totals["inputs"] == 0
    assert found.last_run is None
    out = io.StringIO()
    print_summary(str(tmp_path), out=out)
    assert "0 inputs" in out.getvalue()


def test_a_run_that_did_not_end(tmp_path):
    append_run(str(tmp_path), {"run_id": "1", "started_at": NOW})
    out = io.StringIO()
    print_summary(str(tmp_path), out=out)
    assert "not finished" in out.getvalue()


def test_no_dataset(tmp_path):
    with pytest.raises(QueryError, match="no dataset"):
        summary(str(tmp_path / "nowhere"))
