"""Writes the page: figures and details of a dataset as one HTML file."""

import hashlib
import json
import os
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from repscore import __version__
from repscore.models.scorer.files import References, read_references
from repscore.models.scorer.represent import WINDOWS
from repscore.models.skeleton import BONES, JOINTS, MIRROR
from repscore.pipelines.last_run import last_run
from repscore.pipelines.query import connect
from repscore.pipelines.report_page.details import (
    BINS,
    DEVIATION_SCALE,
    JOINT_SCALE,
    SIGNAL_HZ,
    STEPS,
    follow,
)
from repscore.pipelines.report_page.figures import Row, listed, overview, rows_of_video
from repscore.pipelines.report_page.payload import ANGLE_SCALE, Followed, video_payload
from repscore.pipelines.rescore import stored_videos
from repscore.pipelines.score import UnusableConfiguration
from repscore.pipelines.terminal import printable
from repscore.transforms.files import local_path, open_binary, replacing
from repscore.transforms.pose.store import DamagedPoses
from repscore.transforms.repetitions.stored import PosesMissing, StoredVideo, stored_segments
from repscore.transforms.repetitions.subject import Subjects

MOST_LISTED: Final = 5000
MOST_DETAILED: Final = 100
MOST_DETAIL_BYTES: Final = 6_000_000
"""With the list of MOST_LISTED rows the page stays below 10 MB."""
_HERE: Final = Path(__file__).parent


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        inputs: of the dataset, copies included; `listed` rows of them are in the list.
        detailed: videos with signal, repetitions and remarks.
    """

    path: str
    size_bytes: int
    inputs: int
    listed: int
    detailed: int


@dataclass
class _Source:
    """Where details come from; `detailed` counts what was given out."""

    root: str
    connection: Any
    stored: Mapping[str, StoredVideo]
    subjects: Subjects
    references: References | None
    folder: Path | None
    detailed: list[int] = field(default_factory=list)


def write_report(root: str, path: str, match: str | None = None) -> Written:
    """Write the page of a dataset to a file.

    Raises QueryError and UnusableConfiguration where there is no dataset or it cannot be read.
    """
    connection = connect(root)
    figures = overview(connection, match)
    rows = listed(connection, match, MOST_LISTED)
    runs = bool(figures["runs"])
    source = _Source(
        root=root,
        connection=connection,
        stored={each.video.video_id: each for each in stored_videos(root)} if runs else {},
        subjects=last_run(root).subjects if runs else Subjects(),
        references=_references(root) if runs else None,
        folder=_folder(path),
    )
    order = list(dict.fromkeys(row["video_id"] for row in rows))
    number = {video_id: index for index, video_id in enumerate(order)}
    table = [_list_row(row, number[row["video_id"]], source.folder) for row in rows]
    page = _environment().get_template("page.html.j2")
    parts = page.generate(
        version=__version__,
        name=printable(root),
        made_at=datetime.now(UTC),
        match=match,
        **figures,
        highest=max(figures["scores"], default=0) or 1,
        fastest=max((row["frames_per_s"] or 0 for row in figures["runs"]), default=0) or 1,
        caps={
            "listed": MOST_LISTED,
            "detailed": MOST_DETAILED,
            "videos": len(order),
            "cut": len(rows) >= MOST_LISTED,
        },
        table=table,
        facts=_FACTS,
        details=_details(source, {row["video_id"]: row for row in rows}, number),
        detailed=source.detailed,
        script=_script(),
        script_hash=b64encode(hashlib.sha256(_script().encode()).digest()).decode(),
        style=_style(),
    )
    size = 0
    with replacing(path) as file:
        for part in parts:
            size += file.write(part.encode())
    inputs = figures["totals"]["inputs"]
    return Written(path, size, inputs, len(table), len(source.detailed))


_FACTS: Final[Mapping[str, Any]] = {
    "joints": JOINTS,
    "bones": BONES,
    "mirror": MIRROR,
    "windows": WINDOWS,
    "steps": STEPS,
    "bins": BINS,
    "jointScale": JOINT_SCALE,
    "deviationScale": DEVIATION_SCALE,
    "angleScale": ANGLE_SCALE,
    "signalHz": SIGNAL_HZ,
}


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["printable"] = printable
    environment.policies["json.dumps_kwargs"] = {
        "ensure_ascii": False,
        "separators": (",", ":"),
        "allow_nan": False,
    }
    return environment


@cache
def _script() -> Markup:
    """All scripts of the page; they are ours or vendored, never of a dataset."""
    names = ("vendor/uPlot.iife.min.js", "list.js", "player.js", "video.js")
    return Markup("\n").join(Markup((_HERE / name).read_text(encoding="utf-8")) for name in names)  # noqa: S704


@cache
def _style() -> Markup:
    names = ("vendor/uPlot.min.css", "page.css")
    return Markup("\n").join(Markup((_HERE / name).read_text(encoding="utf-8")) for name in names)  # noqa: S704


def _list_row(row: Row, number: int, folder: Path | None) -> list[Any]:
    score = None if row["score"] is None else round(row["score"], 1)
    name = printable(row["uri"])
    values = (
        row["person"], printable(row["exercises"] or ""), row["repetitions"] or 0,
        row["counts"] or "", score, row["remarks"] or 0, row["date"][:16], row["status"],
    )  # fmt: skip
    return [number, name, *values, round(row["duration_s"] or 0, 1), link(row["uri"], folder)]


def _folder(path: str) -> Path | None:
    local = local_path(path)
    return None if local is None else local.absolute().parent


def link(uri: str, folder: Path | None) -> str | None:
    """How a page in `folder` reaches an input: a relative or web address; None where it cannot."""
    if uri.startswith(("http://", "https://")):
        return uri
    path = local_path(uri)
    if path is None or folder is None or not path.is_file():
        return None
    return quote(os.fsencode(os.path.relpath(path.absolute(), folder)))


def _references(root: str) -> References | None:
    """The references of the last run; None where it scored without any."""
    with suppress(UnusableConfiguration, OSError, ValueError):
        name = last_run(root).scorer()
        if name is not None:
            with open_binary(name) as file:
                return read_references(file.read(), name)
    return None


def _details(
    source: _Source, rows: Mapping[str, Row], number: Mapping[str, int]
) -> Iterator[tuple[int, Markup]]:
    """Number and JSON of each video with details, until one of the caps is reached."""
    left = MOST_DETAIL_BYTES
    for video_id, index in number.items():
        if len(source.detailed) == MOST_DETAILED or left <= 0:
            return
        detail = _detail(source, rows[video_id])
        text = json.dumps(detail, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        left -= len(text)
        source.detailed.append(index)
        yield index, Markup(text.replace("&", "\\u0026").replace("<", "\\u003c"))  # noqa: S704


def _detail(source: _Source, row: Row) -> Row:
    """A video; where its poses are not in the store, `missing` says why."""
    stored = source.stored.get(row["video_id"])
    followed, missing = Followed((), {}), None
    if stored is not None and stored.segments:
        try:
            segments = stored_segments(source.root, stored)
            followed = Followed(*follow(segments, source.subjects))
        except (PosesMissing, DamagedPoses, OSError) as error:
            missing = printable(str(error))
    tables = rows_of_video(source.connection, row["video_id"], row["uri"])
    return {
        **video_payload(tables, followed, source.references, row["duration_s"]),
        "missing": missing,
    }
