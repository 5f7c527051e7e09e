"""The columns of the dataset's tables: the contract with whoever reads them.

Every column says what it means (metadata `comment`, which Delta readers show) and, where it has
one, its unit (metadata `unit`). Times are seconds from the start of the video, intervals are half
open, instants are UTC. A column that cannot be computed is null.
"""

from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa

_TEXT, _REAL, _COUNT = pa.string(), pa.float64(), pa.int64()
_TRUTH, _INSTANT = pa.bool_(), pa.timestamp("us", tz="UTC")


def _column(
    name: str, kind: pa.DataType, comment: str, unit: str = "", *, required: bool = False
) -> "pa.Field[Any]":
    metadata = {"comment": comment} | ({"unit": unit} if unit else {})
    return pa.field(name, kind, nullable=not required, metadata=metadata)


def _stamps() -> "list[pa.Field[Any]]":
    return [
        _column("run_id", _TEXT, "the run that wrote the row", required=True),
        _column("processed_at", _INSTANT, "when that run wrote it, UTC", required=True),
    ]


def _whose(rank: str) -> "list[pa.Field[Any]]":
    return [
        _column("video_id", _TEXT, "names the content of the video", required=True),
        _column("video_uri", _TEXT, "the input it was first found as", required=True),
        _column("person", _COUNT, "the person within the video, from 0", required=True),
        _column(rank, _COUNT, "rank within the video in time order, from 0", required=True),
    ]


RUNS: Final = pa.schema(
    [
        _column("run_id", _TEXT, "names the run", required=True),
        _column("started_at", _INSTANT, "when it started, UTC", required=True),
        _column("finished_at", _INSTANT, "when it ended, UTC; null while it runs"),
        _column("command", _TEXT, "the repscore command"),
        _column("config", _TEXT, "hash of the pose, repetition and scorer configuration"),
        _column("configuration", _TEXT, "all that decides rows, as JSON; no machine"),
        _column("versions", _TEXT, "versions of repscore and of what it computes with, as JSON"),
        _column("device", _TEXT, "what estimated the poses"),
        _column("inputs", _COUNT, "inputs found"),
        _column("skipped", _COUNT, "inputs whose rows were current"),
        _column("passed_over", _TEXT, "what folders hold besides inputs, by suffix or kind"),
        _column("vanished", _COUNT, "known inputs that were no longer in their places"),
        _column("dropped", _COUNT, "those of them whose rows were removed"),
        _column("videos", _COUNT, "videos processed"),
        _column("repetitions", _COUNT, "repetitions written"),
        _column("failures", _COUNT, "failure rows written"),
        _column("frames", _COUNT, "frames estimated, reused ones not counted"),
        _column("decoded_s", _REAL, "length of the video that was estimated", "s"),
        _column("wall_s", _REAL, "duration of the run", "s"),
        _column("start_up_s", _REAL, "part of it before the first frame", "s"),
        _column("frames_per_s", _REAL, "frames estimated per second after start-up", "1/s"),
        _column("limiting_stage", _TEXT, "the stage that took longest"),
        _column("stage_s", _TEXT, "busy seconds of each stage, as JSON"),
        _column(
            "workers",
            _TEXT,
            "of each pose worker, as JSON: streams at once, mean batch, and shares of its time: "
            "waiting for decoding, copying to a device, waiting for the device, the rest",
        ),
        _column(
            "moved", _TEXT, "of rescore: repetitions added, removed and with another score, as JSON"
        ),
    ]
)

VIDEOS: Final = pa.schema(
    [
        _column("video_id", _TEXT, "names the content of the video", required=True),
        _column("uri", _TEXT, "where the input lies", required=True),
        _column(
            "fingerprint", _TEXT, "hash or checksum of the content, <kind>:<value>", required=True
        ),
        _column(
            "stamp",
            _TEXT,
            "size and time, or etag, by the listing; tells whether an input changed",
            required=True,
        ),
        _column("duplicate_of", _TEXT, "the input that has the rows of this content; else null"),
        _column("arrived_at", _INSTANT, "when it came there by the clock of the source, UTC"),
        _column("recorded_at", _INSTANT, "when its camera says that it began, UTC"),
        _column("size_bytes", _COUNT, "size of the file", "byte"),
        _column("duration_s", _REAL, "from the first picture to the end of the last one", "s"),
        _column("decoded_s", _REAL, "length that could be decoded", "s"),
        _column("pose_s", _REAL, "time its poses took in that run, 0 from the store", "s"),
        _column("fps", _REAL, "frame rate announced by the container", "1/s"),
        _column("width_px", _COUNT, "width of the upright image", "px"),
        _column("height_px", _COUNT, "height of the upright image", "px"),
        _column("rotation_deg", _COUNT, "rotation that was undone", "deg"),
        _column("codec", _TEXT, "codec of the video stream"),
        _column("segments", _COUNT, "segments it was cut into"),
        _column("pictures", _COUNT, "pictures that the container holds"),
        _column("pictures_decoded", _COUNT, "those that could be decoded"),
        _column("frames", _COUNT, "frames sampled and decoded"),
        _column("people", _COUNT, "people followed"),
        _column("pose_coverage", _REAL, "share of the frames in which somebody was found", "0..1"),
        _column("repetitions", _COUNT, "repetitions found"),
        _column("status", _TEXT, "ok, partial, no_person or failed", required=True),
        _column("notes", _TEXT, "what was chosen or left aside, e.g. a second video stream"),
        _column("pose_version", _TEXT, "what the poses come from"),
        _column("scorer_version", _TEXT, "what the scores come from"),
        _column(
            "config",
            _TEXT,
            "hash of all settings that decide the row; another one: out of date",
            required=True,
        ),
        *_stamps(),
    ]
)

REPETITIONS: Final = pa.schema(
    [
        *_whose("repetition"),
        _column("start_s", _REAL, "start of the repetition", "s", required=True),
        _column("end_s", _REAL, "its end, excluded", "s", required=True),
        _column("exercise", _TEXT, "the exercise; null where none is near enough"),
        _column("exercise_confidence", _REAL, "how sure that is", "0..1"),
        _column("score", _REAL, "quality of execution; null where it is not scorable", "0..100"),
        _column("score_low", _REAL, "lower end of the score's interval", "0..100"),
        _column("score_high", _REAL, "upper end of the score's interval", "0..100"),
        _column("scorable", _TRUTH, "whether there is a score", required=True),
        _column("unscorable_reason", _TEXT, "why there is none"),
        _column("score_kind", _TEXT, "norm, learned, reference or consistency", required=True),
        _column("confidence", _REAL, "how sure it is a repetition", "0..1", required=True),
        _column("duration_s", _REAL, "end_s - start_s", "s", required=True),
        _column("out_s", _REAL, "time from the start to the turning point", "s", required=True),
        _column("hold_s", _REAL, "time near the turning point", "s", required=True),
        _column("back_s", _REAL, "time from there to the end", "s", required=True),
        _column(
            "amplitude_torsos",
            _REAL,
            "movement amplitude, in torso lengths",
            "torsos",
            required=True,
        ),
        _column("eccentric_s", _REAL, "duration of the phase that yields to gravity", "s"),
        _column("concentric_s", _REAL, "duration of the phase that works against it", "s"),
        _column("range_of_motion_deg", _REAL, "span of the joint angle that moves most", "deg"),
        _column("symmetry", _REAL, "likeness of left and right", "0..1"),
        _column("view", _TEXT, "front, back, side or oblique"),
        _column("pose_coverage", _REAL, "share of it in which the person was seen", "0..1"),
        _column("scorer_version", _TEXT, "what the score comes from", required=True),
        _column("pose_version", _TEXT, "what the poses come from", required=True),
        _column("unseen", _TEXT, "what the norm asks for and this view does not show"),
        *_stamps(),
    ]
)

SETS: Final = pa.schema(
    [
        *_whose("set_index"),
        _column("exercise", _TEXT, "the exercise; null where it is not known"),
        _column("start_s", _REAL, "start of its first repetition", "s", required=True),
        _column("end_s", _REAL, "end of its last repetition, excluded", "s", required=True),
        _column("repetitions", _COUNT, "number of repetitions", required=True),
        _column("count_low", _COUNT, "the true number is at least this, with 95 %"),
        _column("count_high", _COUNT, "the true number is at most this, with 95 %"),
        _column("unsure", _TRUTH, "whether that interval is wide: more than 5 repetitions"),
        _column("scored", _COUNT, "how many of them have a score", required=True),
        _column("mean_score", _REAL, "mean of their scores", "0..100"),
        _column("tempo_per_min", _REAL, "repetitions per minute", "1/min", required=True),
        _column("fatigue_slope", _REAL, "change of the score from repetition to repetition"),
        _column("remark", _TEXT, "the most frequent remark on its repetitions, in words"),
        *_stamps(),
    ]
)

FEEDBACK: Final = pa.schema(
    [
        *_whose("repetition"),
        _column("joint", _TEXT, "the joint, or the joint angle named after it", required=True),
        _column("quantity", _TEXT, "what was measured there", required=True),
        _column("phase", _TEXT, "out, turn, back or whole", required=True),
        _column("start_s", _REAL, "start of the evidence", "s", required=True),
        _column("end_s", _REAL, "its end, excluded", "s", required=True),
        _column("start_frame", _COUNT, "first sampled frame of the evidence", required=True),
        _column("end_frame", _COUNT, "frame after the last", required=True),
        _column("measured", _REAL, "in the unit of the quantity", required=True),
        _column("expected_low", _REAL, "lower end of what was expected", required=True),
        _column("expected_high", _REAL, "upper end of what was expected", required=True),
        _column("deviation", _REAL, "in multiples of the expected spread", required=True),
        _column("message", _TEXT, "the remark in words", required=True),
        _column("message_key", _TEXT, "the same in every language"),
        _column("message_values", _TEXT, "what stands in the message, as JSON"),
        *_stamps(),
    ]
)

FAILURES: Final = pa.schema(
    [
        _column("video_id", _TEXT, "names the content; null where it could not be read"),
        _column("uri", _TEXT, "the input", required=True),
        _column("segment", _COUNT, "the segment that failed; null where it is the whole input"),
        _column("stage", _TEXT, "discover, probe, pose, repetitions, score, write", required=True),
        _column("error_class", _TEXT, "class of the error", required=True),
        _column("message", _TEXT, "what happened and what to do about it", required=True),
        _column("attempts", _COUNT, "how often it was tried", required=True),
        _column(
            "kind",
            _TEXT,
            "transient or missing: the next run tries again; permission or "
            "permanent: `replay` does",
        ),
        *_stamps(),
    ]
)

SCHEMAS: Final[Mapping[str, pa.Schema]] = {
    "runs": RUNS,
    "videos": VIDEOS,
    "repetitions": REPETITIONS,
    "sets": SETS,
    "feedback": FEEDBACK,
    "failures": FAILURES,
}

DESCRIPTIONS: Final[Mapping[str, str]] = {
    "runs": "One row per run.",
    "videos": "One row per input; written last, so an input with a row is complete.",
    "repetitions": "One row per repetition of a person.",
    "sets": "One row per set: repetitions of one person and exercise with short rests between.",
    "feedback": "One row per remark on a repetition.",
    "failures": "One row per input or segment that failed.",
}
