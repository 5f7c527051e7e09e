"""Keypoints in a NumPy archive.

Arrays of N frames, P people (the axis may be missing: one person) and L landmarks; NaN is a
landmark that is not seen:

    image_px    (N, [P,] L, 2 or 3)  x right, y down in pixels, z in the scale of x; or instead
    image       (N, [P,] L, 2 or 3)  the same as shares of the picture, as MediaPipe gives them
    size_px     (2,)                 width and height of the picture; shares need it, under either
                                     name, or `--picture-size`
    time_s      (N,)                 increasing (`rules.seconds_of`); without it the rate is `--fps`
    visibility  (N, [P,] L)          0..1
    world_m     (N, [P,] L, 3)       metres, origin between the hips, y down
    person      (P,) or (N, P)       who it is, -1 nobody; without it people are linked by place
    topology    text                 without it the landmarks tell (`rules.topology_of`)
"""

import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from repscore.transforms.files import open_binary
from repscore.transforms.inputs import head_of
from repscore.transforms.keypoints.rules import (
    SAMPLE,
    Scale,
    are_shares,
    scale_to_px,
    seconds_of,
    size_px_of,
    to_px,
    topology_of,
)
from repscore.transforms.keypoints.span import (
    NotKeypoints,
    Span,
    length_of,
    people_of_frames,
    rate_of,
)
from repscore.transforms.records import Probe

_DAMAGED: Final = (
    *(zipfile.BadZipFile, zlib.error, ValueError, EOFError),
    *(NotImplementedError, RuntimeError, KeyError),
)
"""What zipfile and NumPy raise for archives that are none, or compressed or locked otherwise."""

_HEADERS: Final[Mapping[tuple[int, int], Any]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@dataclass(frozen=True, eq=False)
class _Layout:
    """What an archive holds. `places` is `image_px` or `image`, `several` an axis of people."""

    places: str
    several: bool
    shape: tuple[int, ...]
    topology: str
    time_s: npt.NDArray[np.float64]
    size_px: tuple[int, int] | None
    scale: Scale | None
    names: frozenset[str]


def probe(
    uri: str, fps: float, picture_px: tuple[int, int] | None = None, *, stream: bool = False
) -> tuple[Probe, npt.NDArray[np.float64]]:
    """What the archive holds, and the time of each of its frames, on the clock of a `stream`.

    `picture_px` is the size of the picture where the archive says none. Raises NotKeypoints
    or another ProbeError, and OSError.
    """
    head_of(uri)
    with _archive(uri) as archive:
        layout = _layout(uri, archive, fps, picture_px, stream=stream)
    width_px, height_px = layout.size_px or (None, None)
    time_s, topology = layout.time_s, layout.topology
    rate = rate_of(time_s) if "time_s" in layout.names else fps
    length_s, codec = length_of(time_s, rate), f"npz {topology}"
    probed = Probe(width_px, height_px, rate, len(time_s), length_s, None, codec, topology)
    return probed, time_s


def read(
    uri: str,
    start_s: float,
    end_s: float,
    *,
    fps: float,
    picture_px: tuple[int, int] | None = None,
    stream: bool = False,
) -> Span:
    """The frames in [start_s, end_s); of the arrays no more is kept than these.

    Raises NotKeypoints where the archive is damaged, and OSError.
    """
    with _archive(uri) as archive:
        layout = _layout(uri, archive, fps, picture_px, stream=stream)
        first, end = np.searchsorted(layout.time_s, [start_s, end_s]).tolist()
        times = layout.time_s[first:end].tolist()
        places = to_px(_rows(archive, layout.places, first, end), layout.scale)
        world, visibility = (
            _rows(archive, name, first, end) if name in layout.names else None
            for name in ("world_m", "visibility")
        )
        person = _people(archive, layout, first, end)
    if not layout.several:
        places = places[:, None]
        world = None if world is None else world[:, None]
        visibility = None if visibility is None else visibility[:, None]
    named = not layout.several or "person" in layout.names
    if named:
        places[person < 0] = np.nan
    people = people_of_frames(person, places, world, visibility)
    return Span(layout.topology, list(zip(times, people, strict=True)), named)


@contextmanager
def _archive(uri: str) -> Iterator[zipfile.ZipFile]:
    """The archive, open; whatever is wrong with it comes as NotKeypoints."""
    with open_binary(uri) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                yield archive
        except NotKeypoints:
            raise
        except _DAMAGED as error:
            raise NotKeypoints(
                f"{uri}: expected a NumPy archive of keypoints, found one that cannot be read "
                f"({type(error).__name__}: {error}); save it again with numpy.savez"
            ) from error


def _layout(
    uri: str,
    archive: zipfile.ZipFile,
    fps: float,
    picture_px: tuple[int, int] | None,
    *,
    stream: bool,
) -> _Layout:
    names = {name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")}
    places = next((name for name in ("image_px", "image") if name in names), None)
    if places is None:
        found = ", ".join(sorted(names)) or "no array"
        raise NotKeypoints(
            f"{uri}: expected an array `image_px` of shape (frames, landmarks, 2), or `image` "
            f"with `size_px`, found {found}"
        )
    shape = _header(archive, places)[0]
    if len(shape) not in (3, 4) or shape[-1] not in (2, 3):
        raise NotKeypoints(
            f"{uri}: expected `{places}` of shape (frames, landmarks, 2 or 3) or "
            f"(frames, people, landmarks, 2 or 3), found {shape}"
        )
    frames, several = shape[0], len(shape) == 4
    expected: Mapping[str, list[tuple[int, ...]]] = {
        places: [shape],
        "time_s": [(frames,)],
        "visibility": [shape[:-1]],
        "world_m": [(*shape[:-1], 3)],
        "size_px": [(2,)],
        "person": [shape[1:2], shape[:2]] if several else [(1,), (frames, 1)],
    }
    for name in sorted(names & expected.keys()):
        found_shape, _, kind = _header(archive, name)
        if found_shape not in expected[name] or kind.kind not in "fiu":
            wanted = " or ".join(map(str, expected[name]))
            raise NotKeypoints(
                f"{uri}: expected numbers `{name}` of shape {wanted}, as `{places}` is {shape}, "
                f"found {found_shape} of {kind}"
            )
    size_px = picture_px
    if "size_px" in names:
        size_px = size_px_of(uri, *map(float, _whole(archive, "size_px")))
    elif places == "image" and size_px is None:
        raise NotKeypoints(
            f"{uri}: expected `size_px` (width, height) beside `image`, whose places are shares of "
            "the picture, found none; add it, or give --picture-size WIDTHxHEIGHT"
        )
    declared = str(_whole(archive, "topology")) if "topology" in names else None
    sample = _sample(archive, places, shape)
    topology = topology_of(uri, shape[-2], declared, sample)
    if places == "image" and np.isfinite(sample[..., :2]).any() and not are_shares(sample):
        raise NotKeypoints(
            f"{uri}: expected shares of the picture in `image`, found places up to "
            f"{np.nanmax(sample[..., :2]):g}; call pixels `image_px`"
        )
    scale = scale_to_px(uri, sample, size_px)
    time_s = np.arange(frames) / fps
    if "time_s" in names:
        time_s = seconds_of(uri, _whole(archive, "time_s"), stream=stream)
    elif not frames:
        raise NotKeypoints(f"{uri}: expected frames, found none")
    return _Layout(places, several, shape, topology, time_s, size_px, scale, frozenset(names))


def _sample(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """The first places that are seen, (N, L, 2 or 3)."""
    places = np.empty((0, *shape[-2:]))
    for first in range(0, shape[0], SAMPLE):
        rows = _rows(archive, name, first, min(first + SAMPLE, shape[0])).astype(np.float64)
        places = rows.reshape(-1, *shape[-2:])
        if np.isfinite(places).any():
            break
    return places


def _people(
    archive: zipfile.ZipFile, layout: _Layout, first: int, end: int
) -> npt.NDArray[np.int64]:
    """Who is who, (frames, P): as the file says, -1 where it says nothing."""
    people = layout.shape[1] if layout.several else 1
    if "person" not in layout.names:
        return np.full((end - first, people), -1 if layout.several else 0)
    if len(_header(archive, "person")[0]) == 2:
        person = _rows(archive, "person", first, end)
    else:
        person = np.tile(_whole(archive, "person"), (end - first, 1))
    if not ((person >= -1) & (person < 2**31)).all():
        raise ValueError("numbers of people from 0 on, -1 for nobody, are expected in `person`")
    return person.astype(np.int64)


def _header(archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether in Fortran's order, and type of an array that is there as a whole."""
    with archive.open(f"{name}.npy") as file:
        shape, fortran, kind = _read_header(file)
    announced, held = math.prod(shape) * kind.itemsize, archive.getinfo(f"{name}.npy").file_size
    if announced > held and not kind.hasobject:
        raise ValueError(f"`{name}` announces {announced} bytes of numbers and holds {held}")
    return shape, fortran, kind


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"an array in format {version}")
    shape, fortran, kind = _HEADERS[version](file)
    return shape, fortran, kind


def _whole(archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    with archive.open(f"{name}.npy") as file:
        array: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        return array


def _rows(archive: zipfile.ZipFile, name: str, first: int, end: int) -> npt.NDArray[Any]:
    """Rows [first, end) of an array, without holding the others."""
    with archive.open(f"{name}.npy") as file:
        shape, fortran, kind = _read_header(file)
        if fortran:  # rows lie scattered
            return _whole(archive, name)[first:end]
        row_bytes = math.prod(shape[1:]) * kind.itemsize
        file.seek(first * row_bytes, 1)
        data = file.read((end - first) * row_bytes)
    return np.frombuffer(data, kind).reshape(end - first, *shape[1:])
