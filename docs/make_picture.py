"""Makes docs/images/demo.gif: two synthetic athletes, scored by the real pipeline.

    .venv/bin/python docs/make_picture.py FOLDER

Renders and scores the demo's two shoulder presses into FOLDER, then shows them side by side: the
skeleton comes from the pose store, the count and the scores from the table `repetitions`.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from repscore.models.skeleton import BONES, to_canonical
from repscore.pipelines.demo.cast import CAST
from repscore.pipelines.demo.run import demo
from repscore.pipelines.query import query

Picture = npt.NDArray[Any]

EXERCISE: Final = "shoulder_press"
TARGET: Final = Path(__file__).parent / "images" / "demo.gif"
START_S, END_S, RATE_HZ = 1.2, 7.9, 5.5
WIDTH_PX, HEIGHT_PX, PANEL_PX = 220, 280, 92
COLOURS, STEADY = 48, 26
BACKGROUND, INK, GREY = (255, 255, 255), (28, 32, 38), (112, 118, 126)
GOOD, POOR, BONE, JOINT = (22, 128, 72), (196, 60, 34), (255, 255, 255), (255, 176, 0)


@dataclass(frozen=True)
class Clip:
    """A scored clip.

    Attributes:
        title: what is performed.
        time_s: (N,) of the sampled frames.
        joints_px: (N, 15, 2) joints of the person.
        repetitions: (start_s, end_s, score) in time order.
        remark: the most frequent remark, or none.
    """

    path: Path
    title: str
    time_s: npt.NDArray[np.float64]
    joints_px: npt.NDArray[np.float64]
    repetitions: list[tuple[float, float, float]]
    remark: str


def main(folder: Path) -> None:
    """Score the two clips and write the picture."""
    cast = [performance for performance in CAST if performance.exercise == EXERCISE]
    results = demo(folder, cast, quiet=False)
    panels = []
    for result in results:
        performance = result.performance
        path = folder / "clips" / performance.file_name
        fault = "clean" if performance.fault == "clean" else "short range"
        panels.append(scored(folder / "dataset", path, fault))
    pictures = [
        Image.fromarray(np.hstack(images))
        for images in zip(*(rendered(panel) for panel in panels), strict=True)
    ]
    # Room for the text's colours in the palette: they cover too few pixels to be chosen.
    swatches = Image.new("RGB", pictures[0].size, GOOD)
    swatches.paste(POOR, (0, 0, swatches.width, swatches.height // 2))
    sample = np.vstack([np.asarray(pictures[len(pictures) // 2]), np.asarray(swatches)])
    palette = Image.fromarray(sample).quantize(COLOURS, method=Image.Quantize.MEDIANCUT)
    frames = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    TARGET.parent.mkdir(exist_ok=True)
    frames[0].save(
        TARGET, save_all=True, append_images=frames[1:], duration=round(1000 / RATE_HZ),
        loop=0, optimize=True,
    )  # fmt: skip


def scored(dataset: Path, path: Path, title: str) -> Clip:
    """What the tables and the pose store of `dataset` say of a clip."""

    def rows(sql: str) -> list[Any]:
        relation = query(str(dataset), sql)
        return relation.fetchall() if relation else []

    name = f"video_uri LIKE '%/{path.name}'"
    repetitions = rows(
        f"SELECT start_s, end_s, score FROM repetitions WHERE {name} ORDER BY start_s"
    )
    remarks = rows(
        f"SELECT joint, phase FROM feedback WHERE {name} "
        "GROUP BY ALL ORDER BY count(*) DESC, max(abs(deviation)) DESC LIMIT 1"
    )
    poses = rows(
        "SELECT frame_time_s, x, y FROM poses WHERE video_id = "
        f"(SELECT any_value(video_id) FROM videos WHERE uri LIKE '%/{path.name}') "
        "AND x IS NOT NULL ORDER BY frame_time_s"
    )
    landmarks_px = np.array([[x, y] for _, x, y in poses]).transpose(0, 2, 1)
    return Clip(
        path,
        title,
        np.array([row[0] for row in poses]),
        to_canonical(landmarks_px, "blazepose33"),
        repetitions,
        "remark: {}, {}".format(*remarks[0]).replace("_", " ") if remarks else "no remark",
    )


def rendered(clip: Clip) -> Iterator[Picture]:
    """The clip with its skeleton, above a panel with exercise, count and score."""
    pictures = steadied(read(clip.path))
    height, width = pictures[0][1].shape[:2]
    top, bottom = int(0.06 * height), int(0.97 * height)
    crop = (bottom - top) * WIDTH_PX / HEIGHT_PX
    left = int((width - crop) / 2)
    scale = HEIGHT_PX / (bottom - top)
    for time_s, picture in pictures:
        shown = picture[top:bottom, left : left + int(crop)]
        shown = cv2.resize(shown, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)
        index = int(np.abs(clip.time_s - time_s).argmin())
        draw_skeleton(shown, (clip.joints_px[index] - (left, top)) * scale)
        yield np.vstack([shown, panel(clip, time_s)])


def read(path: Path) -> list[tuple[float, Picture]]:
    """The pictures of the shown span, RGB, with their times in seconds."""
    capture = cv2.VideoCapture(str(path))
    due_s, pictures = START_S, []
    while due_s < END_S:
        there, picture = capture.read()
        if not there:
            break
        time_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if time_s >= due_s:
            pictures.append((time_s, cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)))
            due_s += 1 / RATE_HZ
    capture.release()
    return pictures


def steadied(pictures: list[tuple[float, Picture]]) -> list[tuple[float, Picture]]:
    """Each pixel keeps its colour until it changes clearly: noise of the codec fills the file."""
    shown, still = pictures[0][1], []
    for time_s, picture in pictures:
        changed = cv2.absdiff(picture, shown).max(axis=2) > STEADY
        changed = cv2.dilate(changed.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        shown = np.where(changed[..., None], picture, shown)
        still.append((time_s, shown))
    return still


def draw_skeleton(picture: Picture, joints_px: npt.NDArray[np.float64]) -> None:
    """Bones and joints, in place."""
    points = [tuple(point) for point in np.rint(joints_px).astype(int).tolist()]
    for start, end in BONES:
        cv2.line(picture, points[start], points[end], INK, 5, cv2.LINE_AA)
        cv2.line(picture, points[start], points[end], BONE, 3, cv2.LINE_AA)
    for point in points:
        cv2.circle(picture, point, 5, INK, -1, cv2.LINE_AA)
        cv2.circle(picture, point, 4, JOINT, -1, cv2.LINE_AA)


def panel(clip: Clip, time_s: float) -> Picture:
    """Exercise, repetitions that have ended and the score of the last one, as a strip."""
    image = Image.new("RGB", (WIDTH_PX, PANEL_PX), BACKGROUND)
    draw = ImageDraw.Draw(image)
    ended = [score for _, end_s, score in clip.repetitions if end_s <= time_s]
    draw.text((14, 12), f"{EXERCISE.replace('_', ' ')}, {clip.title}", GREY, font(13))
    draw.text((14, 57), "count", GREY, font(12), "ls")
    draw.text((56, 57), f"{len(ended)}", INK, font(26, bold=True), "ls")
    draw.text((14, 64), clip.remark if ended else "", GREY, font(12))
    if ended:
        colour = GOOD if ended[-1] >= 80 else POOR
        draw.text((WIDTH_PX - 14, 57), f"{ended[-1]:.0f}", colour, font(26, bold=True), "rs")
        draw.text((WIDTH_PX - 60, 57), "score", GREY, font(12), "rs")
    return np.asarray(image)


def font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib."""
    folder = Path(mpl.get_data_path(), "fonts", "ttf")
    return ImageFont.truetype(folder / f"DejaVuSans{'-Bold' if bold else ''}.ttf", size)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
