"""`repscore maintain`: merge small files, remove what nobody needs, say how large a dataset is."""

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow.parquet as pq
from deltalake.exceptions import DeltaError
from rich.console import Group
from rich.text import Text

from repscore.pipelines.progress import console
from repscore.pipelines.query import format_table
from repscore.pipelines.terminal import echo
from repscore.transforms.files import FoundFile, files_below, join, open_binary, remove
from repscore.transforms.leftovers import KINDS, Kind, Rows, leftovers
from repscore.transforms.tables.delta import UnusableRootError, WriteConflictError, find_table
from repscore.transforms.tables.schemas import SCHEMAS
from repscore.transforms.tables.upkeep import TableState, state_of, tend

_DAY_S: Final = 86_400.0
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


class CannotMaintain(ValueError):
    """There is no dataset, or it cannot be changed; the message is one line."""


@dataclass(frozen=True)
class Size:
    """How much lies somewhere."""

    files: int = 0
    size_bytes: int = 0


@dataclass(frozen=True)
class Maintenance:
    """What `maintain` found and did.

    Attributes:
        before, after: by part of the dataset; `after` is None where nothing was changed.
        removed: by kind of file; of a dry run what would be.
    """

    root: str
    days: int
    before: Mapping[str, Size]
    after: Mapping[str, Size] | None
    removed: Mapping[str, Size]

    def show(self, *, as_json: bool) -> None:
        """One JSON object, or tables for people."""
        if as_json:
            echo(json.dumps(self._plain()))
            return
        after = self.after or {}
        rows = [
            (part, *_cells(size), *_cells(after.get(part) if after else None))
            for part, size in self.before.items()
        ]
        would = "would be removed" if self.after is None else "removed"
        gone = [(kind, *_cells(size)) for kind, size in self.removed.items()]
        console().print(
            Group(
                Text(f"{self.root}: history of {self.days} days is kept"),
                format_table(("part", "files", "size", "files after", "size after"), rows),
                Text(f"\n{would}"),
                format_table(("kind", "files", "size"), gone),
            )
        )

    def _plain(self) -> Mapping[str, Any]:
        def plain(sizes: Mapping[str, Size] | None) -> Any:
            return sizes and {
                name: {"files": size.files, "bytes": size.size_bytes}
                for name, size in sizes.items()
            }

        return {
            "dataset": self.root,
            "history_days": self.days,
            "dry_run": self.after is None,
            "before": plain(self.before),
            "after": plain(self.after),
            "removed": plain(self.removed),
        }


def maintain(root: str, days: int, *, old_poses: bool, dry_run: bool) -> Maintenance:
    """Merge the small files of a dataset's tables and remove what is older than `days` and unused.

    What is younger stays, so runs and readers may go on meanwhile. Poses of other versions of a
    content are removed with `old_poses` only.

    Raises CannotMaintain.
    """
    try:
        return _maintain(root, days, old_poses=old_poses, dry_run=dry_run)
    except (UnusableRootError, WriteConflictError) as error:
        raise CannotMaintain(str(error)) from error
    except (OSError, DeltaError) as error:
        reason = str(error).partition("\n")[0]
        raise CannotMaintain(
            f"{root}: could not be listed or changed ({reason}); what was done is whole, run it "
            "again"
        ) from error


def _maintain(root: str, days: int, *, old_poses: bool, dry_run: bool) -> Maintenance:
    if find_table(root, "runs") is None:
        raise CannotMaintain(f"{root}: no dataset, expected one made by `repscore score`")
    tables, others = _survey(root, days)
    unneeded = leftovers(others, _rows(root, tables["videos"]), time.time() - _DAY_S * days)
    kinds: list[Kind] = [kind for kind in KINDS if old_poses or kind != "poses of other versions"]
    expired = [file for table in tables.values() for file in table.expired]
    removed = {"history": _size(expired)}
    for kind in kinds:
        removed[kind] = _size(unneeded[kind])
    before = _sizes(tables, others)
    if dry_run:
        return Maintenance(root, days, before, None, removed)
    tend(root, days, always=True)
    remove(root, [file.name for kind in kinds for file in unneeded[kind]])
    return Maintenance(root, days, before, _sizes(*_survey(root, days)), removed)


def _survey(root: str, days: int) -> tuple[Mapping[str, TableState], Sequence[FoundFile]]:
    """The files of the tables, and all others by their names below the dataset."""
    tables = {name: state_of(root, name, days) for name in SCHEMAS}
    others = [
        file._replace(name=f"{part}/{file.name}")
        for part in ("poses", "windows", "scorers")
        for file in files_below(join(root, part))
    ]
    return tables, others


def _rows(root: str, videos: TableState) -> Rows:
    """What rows name, now and in the history that is kept: a run that is replacing rows has taken
    them out of the newest snapshot."""
    pairs = set()
    expired = {file.name for file in videos.expired}
    for file in (*videos.live, *videos.history):
        if file.name in expired or not file.name.endswith(".parquet"):
            continue  # delta-rs writes under another name until a file is whole
        with open_binary(join(root, "tables", "videos", file.name)) as content:
            table = pq.read_table(content, columns=["pose_version", "video_id"])
        pairs |= set(zip(*(column.to_pylist() for column in table.columns), strict=True))
    return Rows({video_id for _, video_id in pairs}, pairs)


def _sizes(tables: Mapping[str, TableState], others: Iterable[FoundFile]) -> Mapping[str, Size]:
    sizes = {f"tables/{name}": _size(state.live) for name, state in tables.items()}
    states = tables.values()
    sizes["history of tables"] = _size(file for state in states for file in state.history)
    sizes["logs of tables"] = _size(file for state in states for file in state.log)
    parts: dict[str, list[FoundFile]] = defaultdict(list)
    for file in others:
        parts[file.name.partition("/")[0]].append(file)
    return sizes | {part: _size(parts[part]) for part in ("poses", "windows", "scorers")}


def _size(files: Iterable[FoundFile]) -> Size:
    sizes = [file.size_bytes for file in files]
    return Size(len(sizes), sum(sizes))


def _cells(size: Size | None) -> tuple[int | None, str]:
    if size is None:
        return None, ""
    number, unit = float(size.size_bytes), 0
    while number >= 1000 and unit < len(_UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return size.files, f"{number:.{0 if unit == 0 else 1}f} {_UNITS[unit]}"
