"""Draws bodies on pictures, and words about them in a strip below: the one place that does.

Pictures are (H, W, 3) uint8, blue first, and are changed in place. `unit_px` is the size of the
smaller text, from which all other sizes follow.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import cv2
import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from repscore.models.skeleton import BONES, JOINT, JOINTS
from repscore.models.torso import torsos_px
from repscore.pipelines.view.moments import Moment, Shown
from repscore.pipelines.view.people import Body

Picture = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

SURE: Final = 0.5
"""Joints of at least this visibility are bright, as in MediaPipe's drawing utilities."""

# Red, green, blue. Okabe and Ito's palette, which people with any colour vision tell apart.
RIGHT, LEFT, TRUNK = (230, 159, 0), (86, 180, 233), (245, 245, 245)
PEOPLE: Final = ((245, 245, 245), (204, 121, 167), (0, 158, 115), (240, 228, 66))
GOOD, POOR, UNSCORED = (60, 190, 130), (228, 92, 52), (120, 126, 134)
BACKGROUND, INK, GREY = (22, 26, 32), (245, 246, 248), (164, 171, 180)

MOST_ROWS: Final = 4
"""People who have a row in the strip; a larger strip would leave no room for the picture."""
_ROW, _LANE, _PAD = 5.0, 0.6, 0.6  # in units
_SHIFT = 4  # OpenCV's fractional bits of a pixel
_WORDS: Final = {"out": "going out", "turn": "turning", "back": "coming back", "rest": "rest"}


@cache
def font(size: float, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib."""
    folder = Path(mpl.get_data_path(), "fonts", "ttf")
    return ImageFont.truetype(folder / f"DejaVuSans{'-Bold' if bold else ''}.ttf", size)


def draw_body(picture: Picture, body: Body, *, person: int = 0, tag: str = "") -> None:
    """A skeleton: limbs coloured by side, the trunk by person, dim where a joint is unsure.

    `tag` is written above the head.
    """
    joints = body.joints_px
    size_px = float(torsos_px(joints[None])[0])
    if not np.isfinite(size_px):
        return
    width = int(np.clip(round(size_px / 22), 2, 14))
    there = np.asarray(np.isfinite(joints).all(axis=1))
    sure = np.asarray(there & (body.visibility >= SURE))
    points = np.rint(np.where(there[:, None], joints, 0) * (1 << _SHIFT)).astype(int).tolist()
    middle = PEOPLE[person % len(PEOPLE)]
    # What is unsure lies below.
    for start, end in sorted(BONES, key=lambda bone: bool(sure[list(bone)].all())):
        if there[start] and there[end]:
            bright = bool(sure[start] and sure[end])
            line = (tuple(points[start]), tuple(points[end]))
            if bright:
                cv2.line(picture, *line, _bgr(BACKGROUND), width + 2, cv2.LINE_AA, _SHIFT)
            colour = _of_side(JOINTS[end], middle)
            thick = width if bright else max(1, width // 2)
            cv2.line(picture, *line, _bgr(colour, dim=not bright), thick, cv2.LINE_AA, _SHIFT)
    for joint in np.flatnonzero(there).tolist():
        colour = _bgr(_of_side(JOINTS[joint], middle), dim=not sure[joint])
        radius = round((width * 0.9 if sure[joint] else width * 0.5) * (1 << _SHIFT))
        cv2.circle(picture, tuple(points[joint]), radius, colour, -1, cv2.LINE_AA, _SHIFT)
    if tag and there[JOINT["nose"]]:
        x, y = joints[JOINT["nose"]]
        draw_text(picture, (x, y - 0.55 * size_px), tag, max(12.0, size_px / 4), middle)


def draw_text(
    picture: Picture, place: tuple[float, float], text: str, size: float, colour: Colour
) -> None:
    """Text around a place, outlined so that it can be read on anything."""
    letters = font(round(size), bold=True)
    reach = round(size) * (len(text) + 1)
    left, top = (max(0, round(at) - reach) for at in place)
    patch = picture[top : top + 2 * reach, left : left + 2 * reach]
    if not patch.size:
        return
    image = Image.fromarray(np.ascontiguousarray(patch[..., ::-1]))
    ImageDraw.Draw(image).text(
        (place[0] - left, place[1] - top), text, colour, letters, "mm",
        stroke_width=max(1, round(size / 8)), stroke_fill=BACKGROUND,
    )  # fmt: skip
    patch[:] = np.asarray(image)[..., ::-1]


def strip_height(unit_px: float, people: int) -> int:
    """Of the strip for so many people, pixels, even as video codecs want it."""
    rows = min(max(1, people), MOST_ROWS)
    return 2 * round(unit_px * (rows * (_ROW + _LANE) + _PAD) / 2)


class Strip:
    """The text below the picture: a row and a bar of repetitions for each person."""

    def __init__(
        self, people: Mapping[int, Sequence[Shown]], width: int, unit_px: float, end_s: float
    ) -> None:
        order = sorted(people, key=lambda person: (-len(people[person]), person))
        self._people = {person: people[person] for person in sorted(order[:MOST_ROWS])}
        self._left_out = len(people) - len(self._people)
        self._width, self._unit, self._end_s = width, unit_px, max(end_s, 1e-3)
        self._height = strip_height(unit_px, len(people))
        self._drawn: tuple[object, Picture] | None = None

    def at(self, moments: Mapping[int, Moment], time_s: float) -> Picture:
        """The strip at an instant: words only when they change, the mark of time always."""
        key = [moments.get(person) for person in self._people]
        if self._drawn is None or self._drawn[0] != key:
            self._drawn = key, self._words(moments)
        strip = self._drawn[1].copy()
        x = round(min(1.0, time_s / self._end_s) * (self._width - 1))
        lanes = max(1, len(self._people)) * _LANE
        top = self._height - round(self._unit * (lanes + _PAD / 2))
        cv2.line(strip, (x, top), (x, self._height), _bgr(INK), max(1, round(self._unit / 8)))
        return strip

    def _words(self, moments: Mapping[int, Moment]) -> Picture:
        image = Image.new("RGB", (self._width, self._height), BACKGROUND)
        draw, unit = ImageDraw.Draw(image), self._unit
        if not self._people:
            draw.text((unit, unit), "no repetitions", GREY, font(round(unit)))
        several = len(self._people) > 1
        for row, person in enumerate(self._people):
            moment = moments.get(person, Moment(0, "rest", None))
            colour = PEOPLE[person % len(PEOPLE)]
            tag = f"{person + 1}  " if several else ""
            _row(draw, row * _ROW * unit, moment, self._width, unit, tag, colour)
        if self._left_out:
            text = f"and {self._left_out} more people"
            draw.text((self._width - unit, 0), text, GREY, font(round(0.7 * unit)), "ra")
        lanes = len(self._people)
        for lane, repetitions in enumerate(self._people.values()):
            top = self._height - unit * ((lanes - lane) * _LANE + _PAD / 4)
            for each in repetitions:
                left, right = (at / self._end_s * self._width for at in (each.start_s, each.end_s))
                box = (left, top, max(left + 1, right - 2), top + 0.75 * _LANE * unit)
                draw.rectangle(box, score_colour(each.score))
        return np.ascontiguousarray(np.asarray(image)[..., ::-1])


def _row(
    draw: ImageDraw.ImageDraw, top: float, moment: Moment, width: int, unit: float,
    tag: str, colour: Colour,
) -> None:  # fmt: skip
    shown = moment.repetition
    large, small = font(round(2 * unit), bold=True), font(round(0.9 * unit))
    base = top + 2.3 * unit
    count = f"{moment.count}"
    draw.text((unit, base), tag, colour, font(round(unit), bold=True), "ls")
    left = unit + draw.textlength(tag, font(round(unit), bold=True))
    draw.text((left, base), count, INK, large, "ls")
    left += draw.textlength(count, large) + 0.6 * unit
    right = width - unit
    score = None if shown is None else shown.score
    if score is not None:
        draw.text((right, base), f"{score:.0f}", score_colour(score), large, "rs")
        right -= draw.textlength(f"{score:.0f}", large) + 0.5 * unit
        draw.text((right, base), "score", GREY, small, "rs")
        right -= draw.textlength("score", small) + unit
    exercise = (shown.exercise or "" if shown else "").replace("_", " ")
    words = [exercise or "repetitions", _WORDS[moment.phase] if shown else ""]
    for text, ink, height in zip(words, (INK, GREY), (1.15, 0.0), strict=True):
        draw.text(
            (left, base - height * unit), clipped(text, small, right - left), ink, small, "ls"
        )
    remark = "" if shown is None else shown.remark
    if shown is not None and shown.score is None and shown.reason:
        remark = f"no score: {shown.reason}"
    letters = font(round(0.8 * unit))
    for number, part in enumerate(wrapped(remark, letters, width - 2 * unit, 2)):
        draw.text((unit, base + (1.25 + 1.05 * number) * unit), part, INK, letters, "ls")


def card(picture: Picture, title: str, lines: Sequence[str], unit_px: float) -> Picture:
    """A closing card: a title and lines on the dimmed picture."""
    image = Image.fromarray(np.ascontiguousarray((picture * 0.22).astype(np.uint8)[..., ::-1]))
    draw, width = ImageDraw.Draw(image), picture.shape[1] - 3 * unit_px
    letters = font(round(unit_px))
    parts = [part for text in lines for part in wrapped(text, letters, width, 3)]
    room = max(1, int((picture.shape[0] / unit_px - 4) / 1.6))
    if len(parts) > room:
        parts = [*parts[: room - 1], "..."]
    top = (picture.shape[0] - 1.6 * unit_px * (len(parts) + 1.6)) / 2
    head = font(round(1.2 * unit_px), bold=True)
    draw.text((1.5 * unit_px, top), clipped(title, head, width), INK, head)
    for number, part in enumerate(parts):
        draw.text((1.5 * unit_px, top + 1.6 * unit_px * (number + 1.6)), part, INK, letters)
    return np.ascontiguousarray(np.asarray(image)[..., ::-1])


def wrapped(text: str, letters: ImageFont.FreeTypeFont, width: float, most: int) -> list[str]:
    """Text in at most so many lines of a width, cut at spaces; what does not fit ends in dots."""
    lines: list[str] = []
    words = text.split()
    while words and len(lines) < most:
        taken = 1
        while taken < len(words) and letters.getlength(" ".join(words[: taken + 1])) <= width:
            taken += 1
        if len(lines) == most - 1:
            taken = len(words)
        lines.append(clipped(" ".join(words[:taken]), letters, width))
        words = words[taken:]
    return lines


def clipped(text: str, letters: ImageFont.FreeTypeFont, width: float) -> str:
    """Text that fits into a width; dots where something is left out."""
    if letters.getlength(text) <= width:
        return text
    while text and letters.getlength(f"{text}...") > width:
        text = text[:-1]
    return f"{text.rstrip()}..."


def score_colour(score: float | None) -> Colour:
    """From poor (0) to good (100); grey without a score."""
    if score is None:
        return UNSCORED
    share = float(np.clip(score / 100, 0, 1))
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(POOR, GOOD, strict=True))
    return red, green, blue


def _of_side(joint: str, middle: Colour) -> Colour:
    return RIGHT if joint.startswith("right") else LEFT if joint.startswith("left") else middle


def _bgr(colour: Colour, *, dim: bool = False) -> Any:
    share = 0.45 if dim else 1.0
    return tuple(round(share * part) for part in reversed(colour))
