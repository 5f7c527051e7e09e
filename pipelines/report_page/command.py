"""`repscore report` on the command line."""

import click

from repscore.pipelines.flags import as_json_flag


@click.command()
@click.argument("dataset")
@click.option(
    "-o",
    "--output",
    default="report.html",
    show_default=True,
    metavar="FILE",
    help="Where the page is written; a file of that name is replaced.",
)
@click.option(
    "--match",
    metavar="TEXT",
    help="Show only inputs whose name holds this text, in any case of letters.",
)
@as_json_flag
def report(dataset: str, output: str, *, match: str | None, as_json: bool) -> None:
    """Write a dataset as one HTML page: figures, videos, repetitions, skeletons, remarks.

    The page needs no server and no network. A video is shown beside its skeleton where its file
    still lies in its place; without footage the skeleton is enough.
    """
    import json
    from dataclasses import asdict

    from repscore.pipelines.query import QueryError
    from repscore.pipelines.report_page.page import write_report
    from repscore.pipelines.score import UnusableConfiguration
    from repscore.pipelines.terminal import echo

    try:
        written = write_report(dataset, output, match)
    except (QueryError, UnusableConfiguration) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"--output {output}: cannot be written ({error})") from error
    if as_json:
        echo(json.dumps(asdict(written)))
        return
    echo(
        f"{written.path}: {written.inputs} inputs, {written.detailed} videos in detail, "
        f"{written.size_bytes / 1e6:.1f} MB; open it in a browser"
    )
