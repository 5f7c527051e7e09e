"""What lies in a folder: the files that are inputs, and what is passed over."""

import functools
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Final

from repscore.transforms.files import uri_of
from repscore.transforms.storage import Info

_DATASET: Final = ("tables", "poses", "scorers")
_MARK: Final = ("tables", "runs", "_delta_log")
_NAMED: Final = 10

Wanted = Callable[[str], bool]
"""Whether a name inside a folder is that of an input."""


def walk(
    folder: Path, wanted: Wanted, passed_over: Counter[str]
) -> Iterator[tuple[str, os.stat_result]]:
    """The paths of inputs below a folder, sorted, each with its status; links are followed.

    What is none is counted by suffix or kind. A link to a folder that encloses it is not followed.
    Datasets are no inputs. Raises OSError where a folder cannot be listed.
    """
    yield from _walk(str(folder), wanted, passed_over, frozenset())


def _walk(
    folder: str, wanted: Wanted, passed_over: Counter[str], above: frozenset[tuple[int, int]]
) -> Iterator[tuple[str, os.stat_result]]:
    status = Path(folder).stat()
    above |= {(status.st_dev, status.st_ino)}
    is_dataset = Path(folder, *_MARK).is_dir()
    folders: list[str] = []
    with os.scandir(folder) as entries:
        in_order = sorted(entries, key=attrgetter("name"))
    for entry in in_order:
        name = entry.name
        try:
            status = entry.stat()
        except OSError:
            if entry.is_symlink():  # else it was removed meanwhile
                passed_over["broken link"] += 1
            continue
        if stat.S_ISDIR(status.st_mode):
            if (status.st_dev, status.st_ino) in above:
                passed_over["link to an enclosing folder"] += 1
            elif not (is_dataset and name in _DATASET):
                folders.append(entry.path)
        elif (special := _special(status.st_mode)) is not None:
            passed_over[special] += 1
        elif is_taken(name, wanted, passed_over):
            yield entry.path, status
    for path in folders:
        yield from _walk(path, wanted, passed_over, above)


def is_taken(name: str, wanted: Wanted, passed_over: Counter[str]) -> bool:
    """Whether a file in a folder is an input; counted where it is none."""
    hidden = name.startswith(".")
    if wanted(name) and not hidden:
        return True
    if not hidden:
        passed_over[Path(uri_of(name.lower())).suffix or "without suffix"] += 1
    elif wanted(name.lstrip("._")):
        passed_over["hidden"] += 1
    return False


def special_file(path: Path) -> str | None:
    """What a place holds instead of a file or a folder: a FIFO, a device or a socket."""
    try:
        return _special(path.stat().st_mode)
    except (OSError, ValueError):
        return None


def _special(mode: int) -> str | None:
    if stat.S_ISFIFO(mode):
        return "FIFO"
    if stat.S_ISSOCK(mode):
        return "socket"
    return "device" if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else None


def outside_datasets(infos: Iterable[Info], exists: Callable[[str], bool]) -> Iterator[Info]:
    """Those of the objects that belong to no dataset.

    Args:
        exists: whether there is a folder; asked once for each that may be a dataset's.
    """
    is_dataset = functools.cache(lambda root: exists("/".join((root, *_MARK))))
    for info in infos:
        parts = info["name"].split("/")
        places = (n for n, part in enumerate(parts[:-1]) if n and part in _DATASET)
        if not any(is_dataset("/".join(parts[:n])) for n in places):
            yield info


def in_words(passed_over: Counter[str]) -> str | None:
    """`1 .h264, 241 .json not recognised; 1 FIFO passed over`; None where nothing was."""

    def counted(kinds: list[tuple[str, int]], what: str) -> list[str]:
        kinds.sort(key=lambda kind: (-kind[1], kind[0]))
        more = sum(count for _, count in kinds[_NAMED:])
        listed = [f"{count} {kind}" for kind, count in kinds[:_NAMED]]
        listed += [f"{more} others"] if more else []
        return [f"{', '.join(listed)} {what}"] if listed else []

    unknown = [(k, n) for k, n in passed_over.items() if k.startswith((".", "without"))]
    others = [(k, n) for k, n in passed_over.items() if not k.startswith((".", "without"))]
    return "; ".join(counted(unknown, "not recognised") + counted(others, "passed over")) or None
