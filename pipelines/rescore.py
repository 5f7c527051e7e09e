"""`repscore rescore`: new scores from the pose store, without a video, and what they changed."""

import json
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import apache_beam as beam
from rich.progress import track

from repscore.models.estimator import Device
from repscore.models.scorer.shipped import DEFAULT_FILE, NONE
from repscore.pipelines.last_run import LastRun, last_run
from repscore.pipelines.logs import of_run
from repscore.pipelines.options import ScoreOptions, config_key
from repscore.pipelines.progress import console
from repscore.pipelines.report import RunReport
from repscore.pipelines.runner.runner import Runner
from repscore.pipelines.score import (
    UNUSABLE,
    UnusableConfiguration,
    opening_row,
    prepare_scorer,
)
from repscore.pipelines.score_changes import COMPARED, score_changes
from repscore.transforms.files import OutsideDataset
from repscore.transforms.pose.pool_plan import PoolConfig
from repscore.transforms.pose.pools import close_pools
from repscore.transforms.pose.store import segment_folder
from repscore.transforms.pose.version import estimated_version, pose_version
from repscore.transforms.records import Failure, Name, Probe, Video
from repscore.transforms.repetitions.stage import RestoreRepetitions
from repscore.transforms.repetitions.stored import StoredVideo
from repscore.transforms.repetitions.subject import Subjects
from repscore.transforms.score.stage import ScoreRepetitions
from repscore.transforms.tables.delta import append_run, quoted, read_rows
from repscore.transforms.tables.rows import RunStamp
from repscore.transforms.tables.stage import WriteTables
from repscore.transforms.tables.upkeep import try_to_tend

_GROUP: Final = 5000
"""Inputs that go through one pipeline and are committed together."""

Row = Mapping[str, Any]


def stored_videos(root: str, video_id: str | None = None) -> list[StoredVideo]:
    """Every input of a dataset whose poses were estimated, or failed, at least in part.

    With `video_id` the one with this content. Raises OutsideDataset where the poses of one would
    lie elsewhere.
    """
    where = None if video_id is None else f"video_id IN ({quoted([video_id])})"
    rows = read_rows(root, "videos", where=where)
    for row in rows:
        segment_folder(root, row["pose_version"] or "", row["video_id"])
    failures: dict[str, list[Failure]] = {}
    for row in read_rows(root, "failures", where=where):
        there = [name for name in Failure.__dataclass_fields__ if row.get(name) is not None]
        values: dict[str, Any] = {"video_id": None, **{name: row[name] for name in there}}
        failures.setdefault(row["uri"], []).append(Failure(**values))
    names: dict[str, list[Name]] = {}
    for row in rows:
        if row["duplicate_of"] is not None:
            name = Name(row["uri"], row["stamp"], row.get("arrived_at"))
            names.setdefault(row["duplicate_of"], []).append(name)
    return [
        StoredVideo(
            video=Video(
                uri=row["uri"],
                video_id=row["video_id"],
                fingerprint=row["fingerprint"],
                size_bytes=row["size_bytes"],
                stamp=row["stamp"],
                duplicates=tuple(names.get(row["uri"], ())),
                location=row["uri"],
                arrived_at=row.get("arrived_at"),
            ),
            probe=_probe(row),
            pose_version=row["pose_version"],
            segments=row["segments"],
            failures=tuple(failures.get(row["uri"], ())),
        )
        for row in rows
        if row["duplicate_of"] is None
    ]


def _probe(row: Row) -> Probe | None:
    if row["fps"] is None:
        return None
    columns = ("width_px", "height_px", "fps", "frames", "duration_s", "rotation_deg", "codec")
    return Probe(**{name: row[name] for name in columns}, recorded_at=row.get("recorded_at"))


def rescore(
    root: str,
    scorer: str | None,
    references: Sequence[tuple[str, str]],
    *,
    norms: str | None = None,
    exercise: str | None = None,
    language: str | None = None,
    estimator: str | None = None,
    device: Device = "cpu",
    pool: PoolConfig | None = None,
    quiet: bool,
) -> RunReport:
    """Score a dataset again; without scorer, norms and references as its last run did.

    Rows are replaced as by `score`, which then takes them for current. Inputs whose poses are of
    another configuration than the last run's, or not in the store, keep their rows and count as
    skipped. Neither an estimator nor Ray is needed without references.

    Args:
        scorer: a file, or NONE for consistency.
        norms, exercise: as in `ScoreOptions`; without a scorer with the default one.
        language: of remarks; None: that of its last run.
        estimator, device, pool: for the clips of references.

    Raises UnusableConfiguration.
    """
    started_at, started_s = datetime.now(UTC), time.monotonic()
    last = last_run(root)
    if references or estimator is not None or last.pose_version is None:
        last.require_estimator(estimator)
    options = ScoreOptions(
        inputs=(),
        output=root,
        scorer=_scorer(last, scorer, default=norms or exercise, references=bool(references)),
        references=tuple(references),
        poses=replace(last.poses, device=device),
        person=last.person,
        norms=norms,
        exercise=exercise,
        language=language or last.language,
        pool=pool or PoolConfig(),
    )
    try:
        stored = stored_videos(root)
        estimated = last.pose_version or estimated_version(options.poses)
        before = read_rows(root, "repetitions", COMPARED)
        path, version = prepare_scorer(options, quiet=quiet)
    except (*UNUSABLE, OutsideDataset) as error:
        raise UnusableConfiguration(str(error)) from error
    finally:
        close_pools()
    stamp = RunStamp(
        uuid.uuid4().hex, started_at, config_key(options, estimated, version), options.language
    )
    of_run(stamp.run_id)
    current = [
        s for s in stored if s.pose_version == pose_version(options.poses, s.video, estimated)
    ]
    row = opening_row(options, stamp, "rescore", path, estimated)
    append_run(root, row)
    counts: Counter[str] = Counter()
    groups = [current[start : start + _GROUP] for start in range(0, len(current), _GROUP)]
    with closing(Runner(options.runner)) as runner:
        for group in track(groups, "rescore", console=console(), transient=True, disable=quiet):
            counts += _run_group(runner, group, root, path, options.subjects, stamp)
    busy_s = {
        stage: counts[f"{stage} microseconds"] / 1e6 for stage in ("repetitions", "score", "write")
    }
    changes = score_changes(before, read_rows(root, "repetitions", COMPARED))
    wall_s = time.monotonic() - started_s
    row |= {
        "finished_at": datetime.now(UTC),
        "inputs": len(stored),
        "skipped": len(stored) - len(current) + counts["repetitions missing"],
        "videos": counts["write in"],
        "repetitions": counts["write repetitions"],
        "failures": counts["write failures"],
        "frames": counts["repetitions frames"],
        "wall_s": wall_s,
        "frames_per_s": counts["repetitions frames"] / wall_s,
        "limiting_stage": max(busy_s, key=lambda stage: busy_s[stage]),
        "stage_s": json.dumps({stage: round(spent, 3) for stage, spent in busy_s.items()}),
        "moved": json.dumps(changes),
    }
    append_run(root, row)
    return RunReport(row, counts["write failed"], try_to_tend(root))


def _scorer(
    last: LastRun, given: str | None, *, default: str | None, references: bool
) -> str | None:
    """The file to score with; None: the references alone, or consistency."""
    if given is not None:
        return None if given == NONE else given
    if default is not None:
        return DEFAULT_FILE
    return None if references else last.scorer()


def _run_group(
    runner: Runner,
    stored: Sequence[StoredVideo],
    root: str,
    scorer: str | None,
    subjects: Subjects,
    stamp: RunStamp,
) -> Counter[str]:
    pipeline = runner.pipeline()
    restored: Any = (
        pipeline
        | "Stored" >> beam.Create(stored, reshuffle=False)  # the next step spreads them
        | "Restore repetitions" >> RestoreRepetitions(root, subjects)
    )
    scored = restored.recordings | "Score repetitions" >> ScoreRepetitions(scorer)
    _ = (
        (scored, restored.failures)
        | "With failures" >> beam.Flatten()
        | "Write tables" >> WriteTables(root, stamp, _GROUP)
    )
    return runner.run(pipeline)
