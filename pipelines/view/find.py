"""Which video of a dataset is meant, and what the tables hold of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Any, Final

from repscore.pipelines.last_run import last_run
from repscore.pipelines.rescore import stored_videos
from repscore.pipelines.score import UnusableConfiguration
from repscore.transforms.discover.sources import InputNotFound, fingerprint, is_there, list_inputs
from repscore.transforms.files import OutsideDataset, absolute
from repscore.transforms.records import SegmentPoses, video_id_of
from repscore.transforms.repetitions.stored import PosesMissing, StoredVideo, stored_segments
from repscore.transforms.repetitions.subject import Subjects
from repscore.transforms.tables.delta import UnusableRootError, quoted, read_rows

_NAMED: Final = 3

Row = dict[str, Any]


class CannotView(ValueError):
    """A video of a dataset cannot be shown; the message is one line."""


@dataclass(frozen=True)
class ScoredVideo:
    """A video with its poses and its rows in the tables.

    Attributes:
        location: where its pictures lie; None where they are gone.
        duration_s: None where the container does not say it.
        fps: frame rate that the container announces.
        given_fps: rate that was given with --fps.
        segments: its poses, in order.
        subjects: whose repetitions were kept.
        repetitions, sets, feedback: rows in time order.
    """

    stored: StoredVideo
    location: str | None
    duration_s: float | None
    fps: float
    given_fps: float | None
    segments: Sequence[SegmentPoses]
    subjects: Subjects
    repetitions: Sequence[Row]
    sets: Sequence[Row]
    feedback: Sequence[Row]

    @property
    def name(self) -> str:
        """The last part of its name."""
        return base_name(self.stored.video.uri)


def find_video(root: str, name: str) -> ScoredVideo:
    """The video of a dataset that `name` means: a path or URL, a file name or a video_id.

    A file that was moved or renamed is recognised by its content.

    Raises:
        CannotView: no such video, several, or one without poses.
    """
    try:
        last = last_run(root)
        video_id, location = _chosen(root, name)
        (stored,) = stored_videos(root, video_id)
        where = f"video_id IN ({quoted([video_id])})"
        rows = {
            table: read_rows(root, table, where=where)
            for table in ("repetitions", "sets", "feedback")
        }
        segments = stored_segments(root, stored) if stored.pose_version else []
    except (UnusableConfiguration, UnusableRootError, OutsideDataset, PosesMissing) as error:
        raise CannotView(str(error)) from error
    if not any(segment.path for segment in segments):
        said = stored.failures[0].message if stored.failures else "they were never estimated"
        raise CannotView(f"{stored.video.uri}: has no poses in {root}: {said}")
    probe = stored.probe
    return ScoredVideo(
        stored=stored,
        location=location,
        duration_s=probe.duration_s if probe else None,
        fps=probe.fps if probe else last.poses.rate_of_keypoints,
        given_fps=last.poses.fps,
        segments=segments,
        subjects=last.subjects,
        repetitions=sorted(rows["repetitions"], key=lambda row: (row["start_s"], row["person"])),
        sets=sorted(rows["sets"], key=lambda row: (row["start_s"], row["person"])),
        feedback=sorted(rows["feedback"], key=lambda row: -abs(row["deviation"])),
    )


def base_name(uri: str) -> str:
    """The last part of a path or URL."""
    return uri.rstrip("/").rpartition("/")[2]


def default_target(video: ScoredVideo, ending: str) -> str:
    """A file of that ending in the working folder, called after the video."""
    return f"{PurePosixPath(video.name).stem.replace('%d', '')}_{ending}"


def _chosen(root: str, name: str) -> tuple[str, str | None]:
    """The video_id that is meant, and where its pictures lie if they still do."""
    rows = read_rows(root, "videos", ["video_id", "uri", "size_bytes"])
    place = absolute(name)
    hits = [row for row in rows if name in (row["video_id"], row["uri"]) or row["uri"] == place]
    hits = hits or [row for row in rows if base_name(row["uri"]) == base_name(name)]
    contents = {row["video_id"]: row["uri"] for row in hits}
    given = _source(name) if name not in contents else None
    if given is not None:
        sizes = {row["video_id"]: row["size_bytes"] for row in rows}
        if len(contents) != 1 or sizes[next(iter(contents))] != given.size_bytes:
            content = video_id_of(fingerprint(given))
            if content not in sizes:
                changed = "another content than was scored" if contents else "was never scored"
                raise CannotView(
                    f"{name}: {changed} into {root}: run `repscore score {name} --output {root}`"
                )
            return content, given.uri
        return next(iter(contents)), given.uri
    if len(contents) > 1:
        some = ", ".join(f"{video_id} ({uri})" for video_id, uri in list(contents.items())[:_NAMED])
        raise CannotView(f"{name}: {len(contents)} videos of {root} have this name: {some}; give "
                         "the path or the video_id of one")  # fmt: skip
    if not contents:
        known = {base_name(row["uri"]): row["uri"] for row in rows}
        near = get_close_matches(base_name(name), known, _NAMED) or list(known)[:_NAMED]
        raise CannotView(f"{name}: no video of {root}, expected a path, a name or a video_id, such "
                         f"as {', '.join(near) or 'none: it holds no videos'}")  # fmt: skip
    (video_id,) = contents
    places = [row["uri"] for row in rows if row["video_id"] == video_id]
    return video_id, next((uri for uri in places if _is_there(uri)), None)


def _is_there(uri: str) -> bool:
    try:
        return is_there(uri)
    except InputNotFound:
        return False


def _source(name: str) -> Any:
    """The file or recording at a place; None where there is none, or a folder."""
    try:
        sources = list(list_inputs([name])) if _is_there(name) else []
    except InputNotFound:
        return None
    return sources[0] if len(sources) == 1 else None
