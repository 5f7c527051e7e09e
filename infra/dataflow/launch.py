"""`repscore score` as one job of Dataflow: what the launcher of the Flex Template runs.

    python launch.py --inputs="gs://bucket/videos gs://bucket/more" --output=gs://bucket/dataset \
        --device=cuda --runner=DataflowRunner --project=... --region=...

Options of `score` are written with `_` in place of `-`, as names of a template's parameters are;
`--inputs` holds several, separated by blanks. What `score` does not know goes to Beam as it is.

The job is submitted, or written to `--template_location`, and not waited for. It takes all that is
new in one graph, and its last step completes the row of the run in the table `runs`.
"""

import shlex
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from repscore.pipelines.cli import score
from repscore.pipelines.flags import options_of

if TYPE_CHECKING:  # slow to import
    from repscore.pipelines.options import ScoreOptions
    from repscore.transforms.tables.stage import Commit

LEFT_OUT: Final = {
    "--beam-option": "the launcher hands Beam's options on as they are",
    "--compile": "needs a C compiler, and the image has none",
    "--config": "a file of the machine that starts the job",
    "--dry-run": "starts no job; run it before",
    "--environment": "Dataflow knows where its workers are",
    "--group-size": "one job takes all",
    "--job-endpoint": "of other portable runners",
    "--json": "nothing is printed: the job is not waited for",
    "--log-json": "the job is not waited for; Dataflow keeps the logs of its workers",
    "--max-failure-rate": "an exit status, and the job is not waited for",
    "--metrics-file": "a file of the machine that starts the job",
    "--prism": "another runner",
    "--quiet": "nothing is printed",
    "--ray-address": "each worker machine starts its own Ray",
    "--reference": "the launcher would estimate its clips: use --scorer and `repscore learn`",
    "--vanished": "rows are dropped after the last commit, and the job is not waited for",
}
"""Options of `score` that are no parameters of the template, and why."""

_ALWAYS: Final = (
    "experiments=no_use_multiple_sdk_containers",  # one process per machine, and so one pool
    "sdk_location=container",  # Beam is in the image: nothing is installed when a worker starts
    "no_save_main_session",  # the functions of this file travel in the graph
)
_TEND_EVERY: Final = 20
"""Commits of 200 recordings after which small files are merged, as many as a run at its end."""


def main(arguments: Sequence[str]) -> None:
    """Submit the job; ends with status 2 and one line where that cannot be."""
    try:
        context = score.make_context("score", words_of_score(arguments))
        submit(options_of(context.params))
    except click.ClickException as error:
        error.show()
        sys.exit(2)


def words_of_score(arguments: Sequence[str]) -> list[str]:
    """The command line of `repscore score` for what the launcher gives, `--name=value` each.

    Raises UsageError for an option of `score` that the template leaves out.
    """
    flags = {flag for option in score.params for flag in option.opts}
    words = [word for option in _ALWAYS for word in ("--beam-option", option)]
    for argument in arguments:
        name, _, value = argument.partition("=")
        flag = name.replace("_", "-")
        if flag in LEFT_OUT:
            raise click.UsageError(f"{name} is no parameter of the template: {LEFT_OUT[flag]}")
        if flag == "--inputs":
            words += shlex.split(value)
        elif flag not in flags:
            words += ["--beam-option", argument.removeprefix("--")]
        elif value:  # a parameter that was left empty
            words += [flag, value]
    return words


def submit(options: "ScoreOptions") -> None:
    """Hand a job to the runner that scores all that is new; raises ClickException."""
    from repscore.models.weights import WeightsMissing, obtain
    from repscore.pipelines.score import UnusableConfiguration

    try:
        if ":" not in options.poses.estimator:  # the launcher's machine is a new one each time
            obtain([options.poses.model])
        _submit(options)
    except (UnusableConfiguration, WeightsMissing) as error:
        raise click.ClickException(str(error)) from error


def _submit(options: "ScoreOptions") -> None:
    import apache_beam as beam

    from repscore.pipelines.group import commits_of
    from repscore.pipelines.runner.runner import Runner
    from repscore.pipelines.score import opened, sources_of
    from repscore.transforms.discover.changes import Changes, in_groups

    passed_over: Counter[str] = Counter()
    sources = list(sources_of(options, passed_over))
    with opened(options, "score", quiet=True) as run:
        options = run.options
        changes = Changes(run.known, run.stamp.config)
        groups = list(in_groups(sources, changes, most=len(sources)))
        videos = [video for group, _ in groups for video in group]
        row = run.row | {
            "inputs": len(sources),
            "skipped": sum(unchanged for _, unchanged in groups),
        }
        with closing(Runner(options.runner)) as runner:
            pipeline = runner.pipeline()
            commits = commits_of(
                pipeline | "Videos" >> beam.Create(videos),
                *(options, run.scorer, run.stamp),
                tend_every=_TEND_EVERY,
            )
            _ = (
                commits
                | "Videos of a commit" >> beam.Map(_videos)
                | "Videos of all" >> beam.CombineGlobally(sum)
                | "Complete the run" >> beam.Map(_complete, options.output, row)
            )
            pipeline.run()


def _videos(commit: "Commit") -> int:
    return len(commit.video_ids)


def _complete(videos: int, root: str, row: Mapping[str, Any]) -> None:
    """Write the row of the run again; done twice it is the same row."""
    from repscore.transforms.tables.delta import append_run

    finished_at = datetime.now(UTC)
    wall_s = (finished_at - row["started_at"]).total_seconds()
    append_run(root, {**row, "finished_at": finished_at, "videos": videos, "wall_s": wall_s})


if __name__ == "__main__":
    main(sys.argv[1:])
