"""Known inputs that a listing no longer holds: which of them are gone, and which only seem to be.

Only inputs below the places that were listed can vanish. A folder in which nothing is left may be
a disk that is not mounted, so what lay in it stays known until the folder is gone, too.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from fsspec.core import has_magic
from fsspec.utils import glob_translate

from repscore.transforms.discover.sources import is_there
from repscore.transforms.errors import retried
from repscore.transforms.files import local_path, uri_of
from repscore.transforms.records import Known


@dataclass(frozen=True)
class Vanished:
    """Known inputs below the listed places that the listing does not hold.

    Attributes:
        gone: those whose place holds other inputs, or is gone itself.
        kept: the others.
        empty: places of `kept`: folders that are there without any input, and inputs of the run
            behind which there was none.
    """

    gone: tuple[str, ...]
    kept: tuple[str, ...]
    empty: tuple[str, ...]


def vanished(
    known: Mapping[str, Known],
    inputs: Sequence[str],
    listed: Collection[str],
    may_be: Callable[[str], bool],
) -> Vanished:
    """What became of the known inputs that a complete listing of `inputs` does not hold.

    Recordings of streams, which no listing holds, are left aside.

    Args:
        may_be: whether there may be a folder.
    """
    within = {input_: _below(input_) for input_ in inputs}
    silent = [input_ for input_ in inputs if not any(map(within[input_], listed))]
    full = _folders_of(listed)
    gone, kept, empty = [], [], dict[str, None]()
    answers: dict[str, bool] = {}
    for uri, row in sorted(known.items()):
        if uri in listed or row.fingerprint.startswith("stream:"):
            continue
        places = [input_ for input_ in inputs if within[input_](uri)]
        if not places:
            continue
        place = next((input_ for input_ in places if input_ in silent), None)
        place = place or _empty_folder_of(uri, full, answers, may_be)
        if place is None:
            gone.append(uri)
        else:
            kept.append(uri)
            empty[place] = None
    return Vanished(tuple(gone), tuple(kept), tuple(empty))


def may_be_there(place: str) -> bool:
    """Whether there is a file or folder; where the store does not say, there is."""
    try:
        return retried(lambda: is_there(place))
    except Exception:  # whatever a store's client raises: nothing is dropped for that
        return True


def _below(input_: str) -> Callable[[str], bool]:
    """Whether a URI lies in a folder, matches a glob, or is the input itself."""
    path = local_path(input_)
    place = input_.rstrip("/") if path is None else uri_of(path.expanduser().absolute())
    if has_magic(place):
        pattern = re.compile(glob_translate(place))
        return lambda uri: pattern.fullmatch(uri) is not None
    return lambda uri: uri == place or uri.startswith(f"{place}/")


def _folders_of(uris: Iterable[str]) -> set[str]:
    folders: set[str] = set()
    for uri in uris:
        folder = uri.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    return folders


def _empty_folder_of(
    uri: str, full: Collection[str], answers: dict[str, bool], may_be: Callable[[str], bool]
) -> str | None:
    """The innermost folder of an input that is still there, if no input is left below it."""
    folder = uri.rpartition("/")[0]
    while folder and folder not in full:
        if folder not in answers:
            answers[folder] = may_be(folder)
        if answers[folder]:
            return folder
        folder = folder.rpartition("/")[0]
    return None
