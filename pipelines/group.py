"""One group of videos through the whole graph: a bounded pipeline, committed when it ends."""

from collections import Counter
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from repscore.pipelines.options import ScoreOptions
from repscore.transforms.pose.stage import ExtractPoses
from repscore.transforms.records import Video
from repscore.transforms.repetitions.stage import WindowRepetitions
from repscore.transforms.score.stage import ScoreRepetitions
from repscore.transforms.tables.rows import RunStamp
from repscore.transforms.tables.stage import WriteTables


def run_group(
    videos: Sequence[Video], options: ScoreOptions, scorer: str | None, stamp: RunStamp
) -> Counter[str]:
    """One bounded pipeline: when it returns, the rows of these videos are committed.

    Returns the counters of all stages, as `<stage> <counter>`.
    """
    # The runner is named: the default one looks for another runner's binary on the network.
    pipeline = beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([]))
    _ = (
        pipeline
        | "Videos" >> beam.Create(videos)
        | "Extract poses" >> ExtractPoses(options.output, options.poses, options.pool)
        | "Window repetitions" >> WindowRepetitions(options.subjects)
        | "Score repetitions" >> ScoreRepetitions(scorer)
        | "Write tables" >> WriteTables(options.output, stamp)
    )
    result = pipeline.run()
    result.wait_until_finish()
    found: Counter[str] = Counter()
    for counter in result.metrics().query()["counters"]:
        metric = counter.key.metric
        if metric.namespace.startswith("repscore."):
            found[f"{metric.namespace.removeprefix('repscore.')} {metric.name}"] += (
                counter.committed
            )
    found["discover in"] = sum(1 + len(video.duplicates) for video in videos)
    return found
