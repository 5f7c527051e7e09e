"""Commands that show a scored video, on the command line."""

import math
from pathlib import PurePosixPath

import click

from repscore.pipelines.flags import FiniteRange, quiet_flag
from repscore.pipelines.terminal import echo


@click.command()
@click.argument("dataset")
@click.argument("video")
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    help="Video to write (.mp4, .mov, .mkv), or the picture of --still (.png, .jpg).  "
    "[default: NAME_annotated in the working folder]",
)
@click.option("--crop", is_flag=True, help="Show the people alone, as they are in repetitions.")
@click.option(
    "--skeleton-only",
    is_flag=True,
    help="Black instead of the pictures, and no sound; the video itself is not opened.",
)
@click.option(
    "--still",
    "still_s",
    type=FiniteRange(min=0),
    metavar="SECONDS",
    help="One picture at this time instead of a video.",
)
@quiet_flag
def annotate(
    dataset: str, video: str, *, output: str | None, crop: bool, skeleton_only: bool,
    still_s: float | None, quiet: bool,
) -> None:  # fmt: skip
    """Draw skeleton, count, phase, score and remark on a scored video.

    VIDEO is its path or URL, its name in the dataset, or its video_id. The right side of the body
    is orange, the left one blue; what is unsure is dim.
    """
    from repscore.pipelines.ready import NotReady
    from repscore.pipelines.view.annotate import PICTURES, Look, still
    from repscore.pipelines.view.annotate import annotate as run_annotate
    from repscore.pipelines.view.films import FORMATS
    from repscore.pipelines.view.find import CannotView, default_target, find_video

    known = tuple(FORMATS) if still_s is None else PICTURES
    if output is not None and PurePosixPath(output).suffix.lower() not in known:
        what = "a video" if still_s is None else "the picture of --still"
        raise click.UsageError(f"--output {output}: expected {what}: {', '.join(known)}")
    try:
        scored = find_video(dataset, video)
        target = output or default_target(scored, f"annotated{known[0]}")
        look = Look(crop, skeleton_only)
        if still_s is not None:
            still(scored, target, look, still_s)
        else:
            said = run_annotate(scored, target, look, quiet=quiet)
            if not quiet:
                echo(f"annotate: {said}", err=True)
    except (CannotView, NotReady) as error:
        raise click.ClickException(str(error)) from error
    echo(target)


@click.command()
@click.argument("dataset")
@click.argument("video")
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    help="File to write (.png, .svg, .pdf).  [default: NAME_plot.png in the working folder]",
)
@click.option(
    "--person",
    type=click.IntRange(min=0),
    help="The person as in the tables.  [default: who has most repetitions]",
)
@click.option(
    "--from",
    "from_s",
    type=FiniteRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="Where to begin.  [default: the start]",
)
@click.option(
    "--to",
    "to_s",
    type=FiniteRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Where to end.  [default: the end]",
)
def plot(
    dataset: str,
    video: str,
    *,
    output: str | None,
    person: int | None,
    from_s: float,
    to_s: float | None,
) -> None:
    """Plot a scored video: motion, repetitions, and joint angles raw and filtered.

    VIDEO is its path or URL, its name in the dataset, or its video_id. Repetitions are numbered,
    with their scores below.
    """
    from repscore.pipelines.ready import NotReady
    from repscore.pipelines.view.find import CannotView, default_target, find_video
    from repscore.pipelines.view.plot import FORMATS
    from repscore.pipelines.view.plot import plot as run_plot

    if output is not None and PurePosixPath(output).suffix.lower() not in FORMATS:
        raise click.UsageError(f"--output {output}: expected a plot: {', '.join(FORMATS)}")
    if to_s is not None and to_s <= from_s:
        raise click.UsageError(f"--to {to_s:g}: expected a time after --from {from_s:g}")
    try:
        scored = find_video(dataset, video)
        target = output or default_target(scored, "plot.png")
        run_plot(scored, target, person, (from_s, math.inf if to_s is None else to_s))
    except (CannotView, NotReady) as error:
        raise click.ClickException(str(error)) from error
    echo(target)
