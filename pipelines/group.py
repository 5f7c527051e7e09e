"""The graph of all stages, and one group of videos that runs through it."""
# Beam's own annotations of PTransform and `|` are wrong:
# pyright: reportReturnType=false

from collections import Counter
from collections.abc import Sequence

import apache_beam as beam

from repscore.pipelines.options import ScoreOptions
from repscore.pipelines.runner.runner import Runner
from repscore.transforms.discover.stage import at_arrival
from repscore.transforms.plan.stage import PlanSegments
from repscore.transforms.pose.stage import ExtractPoses
from repscore.transforms.records import Video
from repscore.transforms.repetitions.stage import WindowRepetitions
from repscore.transforms.score.stage import ScoreRepetitions
from repscore.transforms.tables.rows import RunStamp
from repscore.transforms.tables.stage import Commit, WriteTables


def commits_of(
    videos: beam.PCollection[Video],
    options: ScoreOptions,
    scorer: str | None,
    stamp: RunStamp,
    batch_s: float | None = None,
    tend_every: int | None = None,
) -> beam.PCollection[Commit]:
    """The one graph, from videos to committed tables, on bounded and unbounded input."""
    runner = options.runner
    poses = ExtractPoses(
        *(options.output, options.poses, options.pool), runner.has_timers, runner.remote
    )
    return (
        videos
        | "Event time" >> beam.Map(at_arrival).with_output_types(Video)
        | "Plan segments" >> PlanSegments(options.poses)
        | "Extract poses" >> poses
        | "Window repetitions" >> WindowRepetitions(options.subjects)
        | "Score repetitions" >> ScoreRepetitions(scorer)
        | "Write tables" >> WriteTables(options.output, stamp, 200, batch_s, tend_every)
    )


def run_group(
    runner: Runner,
    videos: Sequence[Video],
    options: ScoreOptions,
    scorer: str | None,
    stamp: RunStamp,
) -> Counter[str]:
    """One bounded pipeline: when it returns, the rows of these videos are committed.

    Returns the counters of all stages, as `<stage> <counter>`.
    """
    pipeline = runner.pipeline()
    commits_of(pipeline | "Videos" >> beam.Create(videos), options, scorer, stamp)
    counts = runner.run(pipeline)
    runner.forget()
    counts["discover in"] = sum(1 + len(video.duplicates) for video in videos)
    return counts
