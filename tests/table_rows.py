"""Rows of a dataset's tables, without a pipeline that makes them."""

from datetime import UTC, datetime

from repscore.transforms.tables.rows import Rows

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def rows(
    uri: str, content: str, run: str, repetitions: int, *copies: str, failures: int = 0
) -> Rows:
    """A video with some repetitions and failures."""
    stamps = {"run_id": run, "processed_at": NOW}
    whose = {"video_id": content, "video_uri": uri, "person": 0}
    video = {
        "video_id": content,
        "uri": uri,
        "fingerprint": f"test:{content}",
        "stamp": f"{content} stamp",
        "duplicate_of": None,
        "size_bytes": 7,
        "repetitions": repetitions,
        "status": "ok",
        "config": run,
        **stamps,
    }
    return {
        "videos": [video, *({**video, "uri": copy, "duplicate_of": uri} for copy in copies)],
        "repetitions": [
            {
                **whose,
                "repetition": rank,
                "start_s": float(rank),
                "end_s": rank + 1.0,
                "duration_s": 1.0,
                "confidence": 0.5,
                "out_s": 0.5,
                "hold_s": 0.0,
                "back_s": 0.5,
                "amplitude_torsos": 1.0,
                "scorable": False,
                "score_kind": "consistency",
                "scorer_version": "scorer",
                "pose_version": "poses",
                **stamps,
            }
            for rank in range(repetitions)
        ],
        "failures": [
            {
                "video_id": content,
                "uri": uri,
                "segment": segment,
                "stage": "pose",
                "error_class": "DecodeError",
                "message": "damaged",
                "attempts": 1,
                **stamps,
            }
            for segment in range(failures)
        ],
    }
