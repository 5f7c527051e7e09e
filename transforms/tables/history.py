"""Older versions of the tables, to look at or to go back to, as far back as history is kept."""

from collections.abc import Iterable
from datetime import UTC, datetime

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from repscore.transforms.files import join, names_in
from repscore.transforms.tables.delta import find_table


class HistoryGone(ValueError):
    """The version of a table that was current at an instant cannot be read any more."""


def files_at(root: str, name: str, instant: datetime) -> list[str]:
    """The Parquet files of a table as it was at an instant; none where it was not there yet.

    Instants are those of the commits, by the clock of who committed. Raises HistoryGone.
    """
    table = _at(root, name, instant)
    if table is None:
        return []
    used = sorted(uri.rpartition("/")[2] for uri in table.file_uris())
    return [join(root, "tables", name, file) for file in used]


def restore(root: str, names: Iterable[str], instant: datetime) -> None:
    """Make tables hold what they held at an instant: a commit each, after all were looked at.

    Raises HistoryGone; nothing was changed then.
    """
    for name, before in [(name, _at(root, name, instant)) for name in names]:
        table = find_table(root, name)
        if table is not None and before is None:
            table.delete()
        elif table is not None and before is not None and table.version() != before.version():
            table.restore(before.version())


def _at(root: str, name: str, instant: datetime) -> DeltaTable | None:
    """A table as it was at an instant; None where it was not there yet. Raises HistoryGone."""
    table = find_table(root, name)
    if table is None:
        return None
    commits = {commit["version"]: commit["timestamp"] for commit in table.history()}
    instant_ms = instant.timestamp() * 1000
    version = max((v for v, at_ms in commits.items() if at_ms <= instant_ms), default=None)
    if version is None:
        first = min(commits)
        if first == 0:
            return None
        raise _gone(root, name, instant, datetime.fromtimestamp(commits[first] / 1000, UTC))
    try:
        table.load_as_version(version)
    except DeltaError as error:
        raise _gone(root, name, instant) from error
    used = {uri.rpartition("/")[2] for uri in table.file_uris()}
    if used and not used <= set(names_in(join(root, "tables", name))):
        raise _gone(root, name, instant)
    return table


def _gone(root: str, name: str, instant: datetime, since: datetime | None = None) -> HistoryGone:
    reach = f"; it reaches back to {since:%Y-%m-%d %H:%M:%S} UTC" if since else ""
    return HistoryGone(
        f"{root}: the table {name} of {instant:%Y-%m-%d %H:%M:%S} UTC was removed with its "
        f"history{reach}"
    )
