"""References become a scorer: clips of good executions define exercises, without training."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from repscore.models.scorer.files import References, references_of
from repscore.models.scorer.model import (
    SavedScorer,
    ScorerModel,
    read_scorer,
    scorer_bytes,
    with_references,
)
from repscore.models.scorer.represent import Execution
from repscore.pipelines.norms import norms_for
from repscore.pipelines.options import NoReference, NoScorer, ScoreOptions
from repscore.pipelines.progress import following
from repscore.transforms.discover.changes import Changes
from repscore.transforms.discover.sources import list_inputs
from repscore.transforms.files import (
    exists,
    local_path,
    open_binary,
    replacing,
    size_bytes,
)
from repscore.transforms.plan.segments import plan_segments
from repscore.transforms.pose.pool import PosePool
from repscore.transforms.pose.pools import close_pools, shared_pool
from repscore.transforms.records import Recording, Video
from repscore.transforms.repetitions.order import recording_of
from repscore.transforms.storage import check_writable

_MOST_BYTES: Final = 1 << 30
"""Of a scorer file: a thousand times those that come with the package."""


def scorer_of(options: ScoreOptions, *, quiet: bool) -> SavedScorer | None:
    """The scorer of a run: that of its file, of its references, or both; None scores consistency.

    Raises NoReference for a clip that is no video or shows no repetition, and NoScorer for a file
    that is not there or holds no scorer, or norms that cannot be used.
    """
    base = None if options.scorer is None else _with_norms(options, read_file(options.scorer))
    if not options.references:
        return base
    return with_references(base, references_from(options, quiet=quiet))


def _with_norms(options: ScoreOptions, scorer: SavedScorer) -> SavedScorer:
    """The scorer of a run's file with the norms of the run, if it has some."""
    norms = norms_for(options)
    if norms is None:
        return scorer
    if not isinstance(scorer, ScorerModel):
        raise NoScorer(
            f"{options.scorer}: expected a trained scorer beside norms, found reference clips: "
            "leave --norms out"
        )
    return replace(scorer, norms=norms)


def read_file(path: str) -> SavedScorer:
    """The scorer in a file or object; raises NoScorer."""
    local = local_path(path)
    if local is not None and local.exists() and not local.is_file():
        raise NoScorer(f"scorer file {path}: expected a file, found a folder or a device")
    try:
        if (size := size_bytes(path)) > _MOST_BYTES:
            raise ValueError(
                f"{path}: expected at most {_MOST_BYTES:,} bytes, found {size:,}; give a file of "
                "`train` or `learn`"
            )
        with open_binary(path) as file:
            return read_scorer(file.read(), path)
    except (ValueError, OSError) as error:
        reason = str(error) if isinstance(error, ValueError) else f"{path}: {error}"
        raise NoScorer(f"scorer file {reason}") from error


def references_from(options: ScoreOptions, *, quiet: bool) -> References:
    """The exercises that the references of a run define; raises NoReference."""
    pool = shared_pool(options.poses, options.output, options.pool)
    videos = [(name, _video(clip)) for name, clip in options.references]
    clips: dict[str, list[list[Execution]]] = defaultdict(list)
    size_bytes = sum(video.size_bytes for _, video in videos)
    with following(f"{len(videos)} references", size_bytes, pool.status, quiet=quiet):
        for name, video in videos:
            clips[name].append(_executions(_record(video, options, pool)))
    return references_of(clips)


def learn(
    name: str, clips: Sequence[str], path: str, options: ScoreOptions, *, quiet: bool
) -> SavedScorer:
    """Add an exercise that clips define to a scorer file, or create one; returns the new scorer.

    Raises NoReference, NoScorer, and StoreUnusable where the file could not be written.
    """
    if local_path(path) is None:
        check_writable(path.rpartition("/")[0])
    base = read_file(path) if exists(path) else None
    options = replace(options, references=tuple((name, clip) for clip in clips))
    try:
        scorer = with_references(base, references_from(options, quiet=quiet))
    finally:
        close_pools()
    with replacing(path) as file:
        file.write(scorer_bytes(scorer))
    return scorer


def _video(clip: str) -> Video:
    sources = list(list_inputs([clip]))
    if len(sources) != 1:
        raise NoReference(f"reference {clip}: expected one video, found {len(sources)}")
    (video,) = Changes({}, config="").decide(sources[0])
    return video


def _record(video: Video, options: ScoreOptions, pool: PosePool) -> Recording:
    """The recording of one video, without a pipeline."""
    segments = plan_segments(video, options.poses)
    if (failure := segments[0].video.failure) is not None:
        raise NoReference(f"reference {failure.message}")
    futures = [pool.submit(segment) for segment in segments]
    return recording_of([future.result() for future in futures], options.subjects)  # all end


def _executions(recording: Recording) -> list[Execution]:
    """The repetitions of the subjects."""
    if not recording.repetitions:
        raise NoReference(
            f"reference {recording.video.uri}: shows no repetition; expected a clip of one person "
            "who performs the exercise from start to end"
        )
    return list(recording.repetitions)
