"""`repscore annotate`: a scored video with skeleton, count, score and remark, frame by frame.

Frames pass one by one, poses are read segment by segment: memory does not grow with the video.
"""

import gc
import math
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from repscore.pipelines.progress import following_time
from repscore.pipelines.ready import check_file
from repscore.pipelines.terminal import line
from repscore.pipelines.view.drawing import Picture, Strip, card, draw_body, strip_height
from repscore.pipelines.view.films import Film
from repscore.pipelines.view.find import CannotView, ScoredVideo
from repscore.pipelines.view.moments import moment_at, shown_by_person
from repscore.pipelines.view.people import Bodies, Body, boxes_px, follow
from repscore.transforms.errors import words_of
from repscore.transforms.files import absolute, replacing
from repscore.transforms.keypoints.names import is_keypoints, kind_of
from repscore.transforms.pose.decode import Decoder
from repscore.transforms.video.container import ContainerError
from repscore.transforms.video.images import ImageSequence
from repscore.transforms.video.picture import Frame

PICTURES: Final = (".png", ".jpg", ".jpeg")

_LEAST_PX: Final = 360
"""A picture whose shorter side has less is enlarged, so that words below it can be read."""
_UNIT: Final = 0.045
"""Size of the text in shorter sides of the picture: 22 lines high."""
_CARD_S: Final = 3.0
_MARGIN: Final = 0.12
"""Room around the people of a crop, in its larger side."""
_AROUND_S: Final = 1.0
"""A crop holds the people from so long before each repetition until so long after it."""
_BACK_S: Final = 2.0
_COLLECTED: Final = 64
"""Pictures after which decoded ones are freed: PyAV's frames and planes refer to each other, and
Python alone would keep some 300 of them, 800 MB in HD."""


@dataclass(frozen=True)
class Look:
    """How a video is shown.

    Attributes:
        crop: to the people, as they are around their repetitions.
        skeleton_only: on black, without picture and sound.
    """

    crop: bool = False
    skeleton_only: bool = False


@dataclass(frozen=True)
class View:
    """The part of the pictures that is shown, in their pixels, and how much it is enlarged."""

    left: int
    top: int
    right: int
    bottom: int
    scale: float

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as shown, even."""
        width, height = self.right - self.left, self.bottom - self.top
        return 2 * round(width * self.scale / 2), 2 * round(height * self.scale / 2)

    @property
    def unit_px(self) -> float:
        """Size of the text."""
        return _UNIT * min(self.size)

    def of(self, picture: Picture) -> Picture:
        """That part of a picture, as shown; a copy."""
        part = picture[self.top : self.bottom, self.left : self.right]
        if part.shape[1::-1] == self.size:
            return part.copy()
        return cv2.resize(part, self.size, interpolation=cv2.INTER_CUBIC).astype(np.uint8)

    def place(self, body: Body) -> Body:
        """A body where it is shown."""
        return replace(body, joints_px=(body.joints_px - (self.left, self.top)) * self.scale)


class Annotator:
    """Annotates the pictures of a scored video."""

    def __init__(self, video: ScoredVideo, look: Look) -> None:
        """Raises CannotView where nothing tells the size of the pictures."""
        self._video, self._skeleton_only = video, look.skeleton_only
        self._names = follow(video.segments, video.subjects).names
        self._shown = shown_by_person(video.repetitions, video.feedback)
        for person in sorted({person for names in self._names for person in names.values()}):
            self._shown.setdefault(person, [])
        self.view = self._view(crop=look.crop)
        self.end_s = video.duration_s or max(
            (row["end_s"] for row in video.repetitions), default=1.0
        )
        counted = {person: shown for person, shown in self._shown.items() if shown}
        self._strip = Strip(counted, self.view.size[0], self.view.unit_px, self.end_s)
        self.size = (
            self.view.size[0],
            self.view.size[1] + strip_height(self.view.unit_px, len(counted)),
        )

    def blank(self) -> Picture:
        """A black picture in the size of the video's."""
        return np.zeros((self.view.bottom, self.view.right, 3), np.uint8)

    def annotated(self, frames: Iterable[Frame]) -> Iterator[tuple[float, Picture]]:
        """Times and pictures, with all that is to be shown; frames in order of time."""
        bodies = Bodies(self._video.segments, self._names)
        several = len(self._shown) > 1
        for frame in frames:
            shown = self.view.of(frame.bgr)
            for person, body in bodies.at(frame.time_s).items():
                tag = f"{person + 1}" if several else ""
                draw_body(shown, self.view.place(body), person=person, tag=tag)
            moments = {
                person: moment_at(repetitions, frame.time_s)
                for person, repetitions in self._shown.items()
            }
            yield frame.time_s, np.concatenate([shown, self._strip.at(moments, frame.time_s)])

    def card(self, last: Picture) -> Picture:
        """The closing card, on the last picture."""
        return card(last, line(self._video.name), closing_lines(self._video), self.view.unit_px)

    def _view(self, *, crop: bool) -> View:
        video = self._video
        probe = video.stored.probe
        size = (probe.width_px, probe.height_px) if probe else (None, None)
        width, height = size
        if not crop and width is not None and height is not None:
            return view_of((0, 0, width, height), size)
        around = [
            (row["start_s"] - _AROUND_S, row["end_s"] + _AROUND_S) for row in video.repetitions
        ]
        spans = around if crop and around else [(-math.inf, math.inf)]
        box = bounds(boxes_px(video.segments, self._names, spans))
        if box is None:
            raise CannotView(f"{video.stored.video.uri}: nobody was found in it")
        return view_of(box if crop else (0, 0, *box[2:]), size)


def view_of(box: tuple[float, float, float, float], size: tuple[int | None, int | None]) -> View:
    """What lies in a box (left, top, right, bottom) of pictures; their size may not be known."""
    width, height = (given or math.inf for given in size)
    left, top = (
        max(0, math.floor(min(at, end - 2)))
        for at, end in zip(box[:2], (width, height), strict=True)
    )
    right = math.ceil(min(max(box[2], left + 2), width))
    bottom = math.ceil(min(max(box[3], top + 2), height))
    return View(left, top, right, bottom, max(1.0, _LEAST_PX / min(right - left, bottom - top)))


def bounds(
    boxes: npt.NDArray[np.float64],
) -> tuple[float, float, float, float] | None:
    """Left, top, right, bottom around nearly all boxes (N, 4), and some room; None around none."""
    if not len(boxes):
        return None
    left, top = np.percentile(boxes[:, :2], 1, axis=0).tolist()
    right, bottom = np.percentile(boxes[:, 2:], 99, axis=0).tolist()
    room = _MARGIN * max(right - left, bottom - top)
    return left - room, top - room, right + room, bottom + room


def annotate(video: ScoredVideo, target: str, look: Look, *, quiet: bool) -> str:
    """Write the annotated video to a file; returns what was written, in words.

    Raises CannotView, and NotReady for a file that cannot be written.
    """
    _check_target(video, target)
    look = _possible(video, look)
    annotator = Annotator(video, look)
    sound_of = None if look.skeleton_only or not _is_video(video) else video.location
    done = (0.0, 0)
    suffix = PurePosixPath(target).suffix.lower()
    film = (suffix, annotator.size, video.fps, sound_of, video.given_fps)
    with (
        following_time("annotate", annotator.end_s, lambda: done, quiet=quiet),
        replacing(target) as file,
        Film(file, *film) as written,
    ):
        last = None
        for time_s, last in annotator.annotated(_frames(video, look, annotator)):
            written.write(last, time_s)
            done = time_s, done[1] + 1
        if last is None:
            raise CannotView(f"{video.location}: no picture of it can be decoded")
        closing = annotator.card(last)
        for number in range(1, round(_CARD_S * video.fps) + 1):
            written.write(closing, done[0] + number / video.fps)
    return f"{done[1]} pictures, {done[0]:.1f} s, {written.sound}"


def still(video: ScoredVideo, target: str, look: Look, at_s: float) -> None:
    """Write the annotated picture that is shown at a time; raises like `annotate`."""
    _check_target(video, target)
    if not 0 <= at_s <= (video.duration_s or math.inf):
        raise CannotView(
            f"--still {at_s:g}: expected a time within the {video.duration_s:.1f} s of the video"
        )
    look = _possible(video, look)
    annotator = Annotator(video, look)
    last: Frame | None = None
    for start_s in (max(0.0, at_s - _BACK_S), 0.0):  # pictures may be far apart
        frames = _frames(video, look, annotator, start_s, at_s + 1e-6)
        last = last or next(iter(deque(frames, maxlen=1)), None)
    if last is None:
        raise CannotView(f"{video.location}: no picture of it can be decoded")
    ((_, picture),) = annotator.annotated([last])
    _, encoded = cv2.imencode(PurePosixPath(target).suffix, picture)
    with replacing(target) as file:
        file.write(encoded.tobytes())


def closing_lines(video: ScoredVideo) -> list[str]:
    """What a set of repetitions amounts to, in words: a line or two per person and exercise."""
    people = {row["person"] for row in video.sets}
    groups: dict[tuple[int, str], list[Mapping[str, Any]]] = {}
    for row in video.sets:
        groups.setdefault((row["person"], row["exercise"] or ""), []).append(row)
    lines = [] if groups else ["no repetitions"]
    for (person, exercise), sets in sorted(groups.items()):
        count, scored = (sum(row[key] for row in sets) for key in ("repetitions", "scored"))
        name = line(exercise).replace("_", " ") or "repetitions"
        words = [f"{count} x {name}" if exercise else f"{count} {name}"]
        if any(row.get("unsure") for row in sets):
            low, high = (sum(row[key] or 0 for row in sets) for key in ("count_low", "count_high"))
            words.append(f"unsure: {low} to {high}")
        if scored:
            mean = sum((row["mean_score"] or 0.0) * row["scored"] for row in sets) / scored
            words.append(f"mean score {mean:.0f}")
        who = f"{person + 1}: " if len(people) > 1 else ""
        lines.append(who + ", ".join(words))
    remarks = Counter((row["joint"], row["phase"]) for row in video.feedback)
    for (joint, phase), count in remarks.most_common(1):
        times = "once" if count == 1 else f"{count} times"
        lines.append(f"most often remarked: {joint}, {phase} ({times})".replace("_", " "))
    return lines


def _possible(video: ScoredVideo, look: Look) -> Look:
    """Keypoints have no pictures; raises CannotView for a video that is gone."""
    if is_keypoints(video.stored.video.uri):
        return replace(look, skeleton_only=True)
    if video.location is None and not look.skeleton_only:
        raise CannotView(
            f"{video.stored.video.uri}: is gone; give the place where it lies now, or use "
            "--skeleton-only, which needs its poses alone"
        )
    return look


def _check_target(video: ScoredVideo, target: str) -> None:
    """Raises CannotView where the video would be replaced, NotReady for an unusable place."""
    if video.location is not None and absolute(target) == absolute(video.location):
        raise CannotView(f"{target}: is the video itself, expected another file to write")
    check_file(target)


def _is_video(video: ScoredVideo) -> bool:
    return video.location is not None and kind_of(video.location) == "video"


def _frames(
    video: ScoredVideo, look: Look, annotator: Annotator,
    start_s: float = 0.0, end_s: float = math.inf,
) -> Iterator[Frame]:  # fmt: skip
    """The pictures within a span of time; black ones at the video's rate for skeletons alone.

    Raises CannotView where the video cannot be read.
    """
    if look.skeleton_only or video.location is None:
        blank, until_s = annotator.blank(), min(end_s, annotator.end_s)
        first, after = (math.ceil(at * video.fps - 1e-6) for at in (start_s, until_s))
        for number in range(first, max(after, first + 1)):
            yield Frame(number / video.fps, blank, warm_up=False)
        return
    decoder: Decoder | ImageSequence = (
        Decoder(video.location, start_s, end_s, fps=video.given_fps)
        if _is_video(video)
        else ImageSequence(video.location, start_s, end_s, fps=video.fps)
    )
    try:
        with decoder:
            for number, frame in enumerate(decoder):
                yield frame
                if number % _COLLECTED == 0:
                    gc.collect()
    except (ContainerError, OSError) as error:
        raise CannotView(f"{video.location}: {words_of(error)}") from error
