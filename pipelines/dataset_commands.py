"""Commands on a dataset that read it or keep it in order, on the command line."""

import click

from repscore.pipelines.flags import as_json_flag, language_flag, log_json_flag, norms_flag


@click.command()
@click.argument("dataset")
@click.argument("sql")
@as_json_flag
def query(dataset: str, sql: str, *, as_json: bool) -> None:
    """Run SQL over a dataset's tables, by name, through DuckDB.

    Tables: runs, videos, repetitions, sets, feedback, failures, poses.
    """
    from repscore.pipelines.query import QueryError, run_query

    try:
        run_query(dataset, sql, as_json=as_json)
    except QueryError as error:
        raise click.ClickException(str(error)) from error


@click.command()
@click.argument("dataset")
@as_json_flag
def summary(dataset: str, *, as_json: bool) -> None:
    """Show what a dataset holds: videos, exercises, scores, failures, the last run."""
    from repscore.pipelines.query import QueryError
    from repscore.pipelines.summary import print_summary

    try:
        print_summary(dataset, as_json=as_json)
    except QueryError as error:
        raise click.ClickException(str(error)) from error


@click.command()
@click.argument("dataset")
@click.option(
    "--keep",
    "days",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    metavar="DAYS",
    help="Nothing younger is removed: readers and runs in progress may need it, and `diff` looks "
    "back as far.",
)
@click.option(
    "--old-poses",
    is_flag=True,
    help="Also remove poses of other options or versions than those that rows come from.",
)
@click.option("--dry-run", is_flag=True, help="Change nothing; say what would be removed.")
@as_json_flag
@log_json_flag
def maintain(dataset: str, *, days: int, old_poses: bool, dry_run: bool, as_json: bool) -> None:
    """Merge the small files of a dataset, remove what nobody needs, and say how large it is.

    Removed are old versions of the tables, poses and cached windows of contents that no row names
    any more, older windows of the others, and files of writes that were killed.
    """
    from repscore.pipelines.maintain import CannotMaintain
    from repscore.pipelines.maintain import maintain as run_maintenance

    try:
        report = run_maintenance(dataset, days, old_poses=old_poses, dry_run=dry_run)
    except CannotMaintain as error:
        raise click.ClickException(str(error)) from error
    report.show(as_json=as_json)


@click.command()
@click.argument("dataset")
@click.option(
    "--since",
    metavar="RUN|TIME",
    help="A run_id of the table `runs`, or its beginning: as that run left the dataset; or a time "
    "in ISO 8601.  [default: the start of the last run]",
)
@as_json_flag
def diff(dataset: str, *, since: str | None, as_json: bool) -> None:
    """Show what changed in a dataset: inputs that are new, changed or gone, and scores that moved.

    It reads older versions of the tables, which are kept for some days (see `maintain`); further
    back it lists the inputs that were processed since.
    """
    from repscore.pipelines.diff import CannotDiff
    from repscore.pipelines.diff import diff as run_diff

    try:
        difference = run_diff(dataset, since)
    except CannotDiff as error:
        raise click.ClickException(str(error)) from error
    difference.show(as_json=as_json)


@click.command()
@click.argument("dataset")
@click.argument("since", metavar="RUN|TIME")
@as_json_flag
def restore(dataset: str, since: str, *, as_json: bool) -> None:
    """Bring the tables of a dataset back to what they held after a run, or at a time.

    RUN is a run_id of the table `runs`, or its beginning; TIME is in ISO 8601. Older versions are
    kept for some days (see `maintain`). Poses, scorers and the table `runs` stay; let no run write
    meanwhile.
    """
    from repscore.pipelines.restore import CannotRestore
    from repscore.pipelines.restore import restore as run_restore

    try:
        restored = run_restore(dataset, since)
    except CannotRestore as error:
        raise click.ClickException(str(error)) from error
    restored.show(as_json=as_json)


@click.command()
@norms_flag
@language_flag
@as_json_flag
def exercises(*, norms: str | None, language: str | None, as_json: bool) -> None:
    """Show the exercises that have a norm, what is expected of each, and why."""
    from repscore.pipelines.norms import show_norms
    from repscore.pipelines.options import NoScorer

    try:
        show_norms(norms, language, as_json=as_json)
    except NoScorer as error:
        raise click.ClickException(str(error)) from error
