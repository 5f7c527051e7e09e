"""References become a scorer: the clips of a coach define exercises, without training."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

from repscore.models.scorer.files import References, references_of
from repscore.models.scorer.model import (
    Scorer,
    read_scorer,
    scorer_bytes,
    version_of,
    with_references,
)
from repscore.models.scorer.represent import Execution
from repscore.pipelines.options import NoReference, NoScorer, ScoreOptions
from repscore.pipelines.progress import following
from repscore.transforms.discover.sources import fingerprint, list_inputs
from repscore.transforms.files import exists, join, open_binary, replacing
from repscore.transforms.inputs import ProbeError
from repscore.transforms.plan.segments import segments_of
from repscore.transforms.pose.pool import PosePool, close_pools, shared_pool
from repscore.transforms.pose.store import read_people
from repscore.transforms.records import Recording, SegmentPoses, Video, video_id_of
from repscore.transforms.repetitions.order import OpenRecording, close, release


def scorer_of(options: ScoreOptions, *, quiet: bool) -> Scorer | None:
    """The scorer of a run: that of its file, of its references, or both; None scores consistency.

    Raises NoReference for a clip that is no video or shows no repetition, and NoScorer for a file
    that is not there or holds no scorer.
    """
    base = None if options.scorer is None else read_file(options.scorer)
    if not options.references:
        return base
    return with_references(base, references_from(options, quiet=quiet))


def keep(root: str, scorer: Scorer) -> str:
    """The scorer's file in a dataset: what scored it can score it again."""
    path = join(root, "scorers", f"{version_of(scorer)}.safetensors")
    with replacing(path) as file:
        file.write(scorer_bytes(scorer))
    return path


def read_file(path: str) -> Scorer:
    """The scorer in a file or object; raises NoScorer."""
    try:
        with open_binary(path) as file:
            return read_scorer(file.read(), path)
    except (ValueError, OSError) as error:
        known = str(error) if isinstance(error, ValueError) else f"{path}: {error}"
        raise NoScorer(f"scorer file {known}") from error


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
) -> Scorer:
    """Add an exercise that clips define to a scorer file, or begin one; the new scorer.

    Raises NoReference, NoScorer.
    """
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
    (source,) = sources
    content = fingerprint(source)
    return Video(
        source.uri, video_id_of(content), content, source.size_bytes, source.stamp, (), source.uri
    )


def _record(video: Video, options: ScoreOptions, pool: PosePool) -> Recording:
    """What the pipeline makes of one video, without a pipeline."""
    try:
        segments = segments_of(video, options.poses)
    except (ProbeError, OSError) as error:
        raise NoReference(f"reference {error}") from error
    futures = [pool.submit(segment) for segment in segments]
    finished = [future.result() for future in futures]
    return close(reduce(_released, finished, OpenRecording()), finished[-1], options.subjects)


def _released(recording: OpenRecording, segment: SegmentPoses) -> OpenRecording:
    return release(recording, segment, read_people(segment.path) if segment.path else None)


def _executions(recording: Recording) -> list[Execution]:
    """The repetitions of the subjects."""
    if not recording.repetitions:
        raise NoReference(
            f"reference {recording.video.uri}: shows no repetition; expected a clip of one person "
            "who performs the exercise from start to end"
        )
    return list(recording.repetitions)
