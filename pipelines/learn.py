"""References become a scorer: the clips of a coach define exercises, without training."""

from collections import defaultdict
from functools import reduce

from repscore.models.scorer.files import references_of, write_references
from repscore.models.scorer.represent import Execution
from repscore.pipelines.options import NoReference, ScoreOptions
from repscore.pipelines.progress import following
from repscore.transforms.discover.sources import fingerprint, list_inputs
from repscore.transforms.files import join, replacing
from repscore.transforms.plan.probe import ProbeError
from repscore.transforms.plan.stage import segments_of
from repscore.transforms.pose.pool import PosePool, shared_pool
from repscore.transforms.pose.store import read_people
from repscore.transforms.records import Recording, SegmentPoses, Video, video_id_of
from repscore.transforms.repetitions.order import OpenRecording, close, release
from repscore.transforms.score.repetitions import execution_of


def learn(options: ScoreOptions, *, quiet: bool) -> str:
    """The scorer file that the references of a run define, below its output.

    Raises NoReference for a clip that is no video or shows no repetition.
    """
    pool = shared_pool(options.poses, options.output, options.pool)
    videos = [(name, _video(clip)) for name, clip in options.references]
    clips: dict[str, list[list[Execution]]] = defaultdict(list)
    size_bytes = sum(video.size_bytes for _, video in videos)
    with following(f"{len(videos)} references", size_bytes, pool.status, quiet=quiet):
        for name, video in videos:
            clips[name].append(_executions(_record(video, options, pool)))
    references = references_of(clips)
    path = join(options.output, "scorers", f"references-{references.version()}.safetensors")
    with replacing(path) as file:
        write_references(references, file)
    return path


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
    return [execution_of(found) for found in recording.repetitions]
