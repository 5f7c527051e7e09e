"""Which files of a dataset nobody needs any more."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from repscore.transforms.files import FoundFile

Kind = Literal["orphaned poses", "poses of other versions", "old windows", "unfinished files"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

_POSES: Final = re.compile(r"poses/(?P<version>[^/]+)/../(?P<video>[^/]+)/[^/.][^/]*\.parquet")
_WINDOWS: Final = re.compile(r"windows/../(?P<video>[^/]+)-[0-9a-f]+\.safetensors")
_UNFINISHED: Final = re.compile(r"(?:poses|windows|scorers)/(?:[^/]+/)*\.[^/]+")
"""What `files.replacing` writes has a hidden name until it is whole."""


@dataclass(frozen=True)
class Rows:
    """What the rows of `videos` name, those of the history that is kept included.

    Attributes:
        videos: ids of contents.
        poses: (pose version, id) pairs.
    """

    videos: Collection[str]
    poses: Collection[tuple[str | None, str]]


def leftovers(
    files: Sequence[FoundFile], rows: Rows, before_s: float
) -> Mapping[Kind, list[FoundFile]]:
    """What may go, by kind: files below a dataset that were written before an instant.

    Poses and windows of contents that no row names are orphans; of the windows of any other
    content the latest stays. Poses of a content whose rows are of other poses are a kind of their
    own: options that change back use them again.

    Args:
        files: all files of the dataset, by their names below it.
        before_s: Unix time; younger files may belong to a run in progress, and so may those whose
            age the store does not say.
    """
    dated = [(file.modified_s, file) for file in files if file.modified_s is not None]
    windows = ((_WINDOWS.fullmatch(file.name), file) for _, file in sorted(dated))
    latest = {found["video"]: file.name for found, file in windows if found}
    gone: dict[Kind, list[FoundFile]] = {kind: [] for kind in KINDS}
    for modified_s, file in dated:
        kind = _kind_of(file.name, rows, latest)
        if kind is not None and modified_s < before_s:
            gone[kind].append(file)
    return gone


def _kind_of(name: str, rows: Rows, latest: Mapping[str, str]) -> Kind | None:
    if _UNFINISHED.fullmatch(name):
        return "unfinished files"
    if found := _POSES.fullmatch(name):
        if found["video"] not in rows.videos:
            return "orphaned poses"
        return None if found.group("version", "video") in rows.poses else "poses of other versions"
    if found := _WINDOWS.fullmatch(name):
        stays = found["video"] in rows.videos and latest[found["video"]] == name
        return None if stays else "old windows"
    return None
