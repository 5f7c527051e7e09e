"""A scored recording as rows of the tables."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from repscore.models.scorer.score import Remark
from repscore.models.scorer.words import ENGLISH
from repscore.transforms.records import CLOCK_JUMP, Failure, Name, Recording, ScoredRecording
from repscore.transforms.score.set_remark import remark_on
from repscore.transforms.score.sets import sets_of

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]
"""Table name -> rows."""

Status = Literal["ok", "partial", "no_person", "failed"]


@dataclass(frozen=True, slots=True)
class RunStamp:
    """What every row says of the run that wrote it.

    Attributes:
        processed_at: when the rows are made, with a time zone.
        config: hash of the configuration of all stages; a row with another one is out of date.
        language: of remarks.
    """

    run_id: str
    processed_at: datetime
    config: str
    language: str = ENGLISH

    def __post_init__(self) -> None:
        if self.processed_at.tzinfo is None:
            raise ValueError(f"processed_at needs a time zone, found {self.processed_at}")


def status_of(recording: Recording) -> Status:
    """`failed`: no frame was decoded; `partial`: something is missing, the rest is there."""
    if any(failure.error_class != CLOCK_JUMP for failure in recording.failures):
        return "partial" if recording.frames else "failed"
    return "ok" if recording.frames_with_person else "no_person"


def rows_of(scored: ScoredRecording, run: RunStamp) -> Rows:
    """Rows of `videos`, `repetitions`, `sets`, `feedback`, `failures` for one recording.

    A content with several names has its repetitions once, under `Video.uri`, and a row of `videos`
    for each name. `repetition` and `set_index` rank in time order within the video.
    """
    recording = scored.recording
    video = recording.video
    stamps = {"run_id": run.run_id, "processed_at": run.processed_at}
    ids = {"video_id": video.video_id, "video_uri": video.uri}
    ranked = sorted(
        zip(recording.repetitions, scored.scores, strict=True),
        key=lambda pair: (pair[0].start_s, pair[0].person),
    )
    versions = {
        "scorer_version": scored.scorer_version,
        "pose_version": recording.pose_version,
    }
    return {
        "videos": _videos(scored, run),
        "repetitions": [
            {
                **ids,
                "person": repetition.person,
                "repetition": rank,
                "start_s": repetition.start_s,
                "end_s": repetition.end_s,
                "exercise": score.exercise,
                "exercise_confidence": score.exercise_confidence,
                "score": score.score,
                "score_low": score.score_low,
                "score_high": score.score_high,
                "scorable": score.score is not None,
                "unscorable_reason": score.unscorable_reason,
                "score_kind": score.score_kind,
                "unseen": "; ".join(score.unseen) or None,
                "confidence": repetition.confidence,
                "duration_s": repetition.end_s - repetition.start_s,
                "out_s": repetition.out_s,
                "hold_s": repetition.hold_s,
                "back_s": repetition.back_s,
                "amplitude_torsos": repetition.amplitude_torsos,
                "eccentric_s": repetition.eccentric_s,
                "concentric_s": repetition.concentric_s,
                "range_of_motion_deg": repetition.range_of_motion_deg,
                "symmetry": repetition.symmetry,
                "view": repetition.view,
                "pose_coverage": repetition.pose_coverage,
                **versions,
                **stamps,
            }
            for rank, (repetition, score) in enumerate(ranked)
        ],
        "sets": [
            {
                **ids,
                "set_index": rank,
                **asdict(set_),
                "remark": remark_on(set_, ranked, run.language),
                **stamps,
            }
            for rank, set_ in enumerate(sets_of(recording.repetitions, scored.scores))
        ],
        "feedback": [
            {
                **ids,
                "person": repetition.person,
                "repetition": rank,
                **_said(remark, run.language),
                **stamps,
            }
            for rank, (repetition, score) in enumerate(ranked)
            for remark in score.remarks
        ],
        "failures": rows_of_failures(recording.failures, run)["failures"],
    }


def _said(remark: Remark, language: str) -> Row:
    columns = asdict(remark)
    key, values = columns.pop("key"), columns.pop("values")
    message = {"message_key": key, "message_values": json.dumps(values)}
    return {**columns, **message, "message": remark.text(language)}


def rows_of_failures(failures: Sequence[Failure], run: RunStamp) -> Rows:
    """Rows of `failures` alone, for inputs of which nothing else is known.

    Written, they replace earlier failures of the same inputs and leave their other rows.
    """
    stamps = {"run_id": run.run_id, "processed_at": run.processed_at}
    return {"failures": [{**asdict(failure), **stamps} for failure in failures]}


def _videos(scored: ScoredRecording, run: RunStamp) -> list[Row]:
    recording = scored.recording
    video, probe, frames = recording.video, recording.probe, recording.frames
    first: Row = {
        "video_id": video.video_id,
        "uri": video.uri,
        "fingerprint": video.fingerprint,
        "stamp": video.stamp,
        "duplicate_of": None,
        "arrived_at": video.arrived_at,
        "recorded_at": probe.recorded_at if probe else None,
        "size_bytes": video.size_bytes,
        "duration_s": probe.duration_s if probe else None,
        "decoded_s": recording.decoded_s,
        "pose_s": recording.pose_s,
        "fps": probe.fps if probe else None,
        "width_px": probe.width_px if probe else None,
        "height_px": probe.height_px if probe else None,
        "rotation_deg": probe.rotation_deg if probe else None,
        "codec": probe.codec if probe else None,
        "segments": recording.segments,
        "pictures": recording.pictures,
        "pictures_decoded": recording.pictures_decoded,
        "frames": frames,
        "people": recording.people,
        "pose_coverage": recording.frames_with_person / frames if frames else None,
        "repetitions": len(recording.repetitions),
        "status": status_of(recording),
        "notes": "; ".join(probe.notes) or None if probe else None,
        "pose_version": recording.pose_version,
        "scorer_version": scored.scorer_version,
        "config": run.config,
        "run_id": run.run_id,
        "processed_at": run.processed_at,
    }
    return [first, *(named(first, name) for name in video.duplicates)]


def named(first: Row, name: Name) -> Row:
    """The row of `videos` for another name of the content of `first`."""
    return {**first, **name._asdict(), "duplicate_of": first["uri"]}


def merge_rows(batch: Sequence[Rows]) -> Rows:
    """The rows of many recordings; of two with the same input or content the later counts.

    A batch of a stream may hold an input twice: it changed while the batch was gathered.
    """
    latest: list[Rows] = []
    merged: set[str] = set()
    for rows in reversed(batch):
        names = {row[key] for row in rows.get("videos", ()) for key in ("uri", "video_id")}
        if not names & merged:
            latest.append(rows)
        merged |= names
    tables = {name for rows in latest for name in rows}
    return {
        name: [row for rows in reversed(latest) for row in rows.get(name, ())] for name in tables
    }
