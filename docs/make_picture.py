"""Makes docs/images/demo.gif: two synthetic athletes, scored and annotated by repscore.

    .venv/bin/python docs/make_picture.py FOLDER

Renders and scores the demo's two shoulder presses into FOLDER, then shows what `repscore annotate`
makes of them, side by side.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from repscore.pipelines.demo.cast import CAST
from repscore.pipelines.demo.run import demo
from repscore.pipelines.view.annotate import Annotator, Look
from repscore.pipelines.view.drawing import GOOD, LEFT, POOR, RIGHT
from repscore.pipelines.view.find import find_video
from repscore.transforms.pose.decode import Decoder
from repscore.transforms.video.picture import Frame

Picture = npt.NDArray[Any]

EXERCISE: Final = "shoulder_press"
TARGET: Final = Path(__file__).parent / "images" / "demo.gif"
START_S, END_S, RATE_HZ = 1.2, 7.9, 5.5
WIDTH_PX: Final = 280
COLOURS, STEADY = 56, 26


def main(folder: Path) -> None:
    """Score the two clips and write the picture."""
    cast = [performance for performance in CAST if performance.exercise == EXERCISE]
    results = demo(folder, cast, quiet=False)
    panels = [
        annotated(folder / "dataset", folder / "clips" / result.performance.file_name)
        for result in results
    ]
    pictures = [Image.fromarray(np.hstack(images)) for images in zip(*panels, strict=False)]
    # Room for the colours of words and bones in the palette: they cover too few pixels.
    swatches = np.repeat(np.array([GOOD, POOR, LEFT, RIGHT], np.uint8), 40, axis=0)
    swatches = np.tile(swatches[:, None], (1, pictures[0].width, 1))
    sample = np.vstack([np.asarray(pictures[len(pictures) // 2]), swatches])
    palette = Image.fromarray(sample).quantize(COLOURS, method=Image.Quantize.MEDIANCUT)
    frames = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    TARGET.parent.mkdir(exist_ok=True)
    frames[0].save(
        TARGET, save_all=True, append_images=frames[1:], duration=round(1000 / RATE_HZ),
        loop=0, optimize=True,
    )  # fmt: skip


def annotated(dataset: Path, clip: Path) -> list[Picture]:
    """The annotated pictures of the shown span, RGB, WIDTH_PX wide."""
    annotator = Annotator(find_video(str(dataset), str(clip)), Look())
    with Decoder(str(clip), START_S, END_S, sample_fps=RATE_HZ) as frames:
        pictures = [picture for _, picture in annotator.annotated(steadied(frames))]
    height_px = round(WIDTH_PX * pictures[0].shape[0] / pictures[0].shape[1])
    size = (WIDTH_PX, height_px)
    return [
        cv2.resize(picture, size, interpolation=cv2.INTER_AREA)[..., ::-1] for picture in pictures
    ]


def steadied(frames: Decoder) -> Iterator[Frame]:
    """Each pixel keeps its colour until it changes clearly: noise of the codec fills the file."""
    shown: Picture | None = None
    for frame in frames:
        if shown is None:
            shown = frame.bgr.copy()
        changed = cv2.absdiff(frame.bgr, shown).max(axis=2) > STEADY
        changed = cv2.dilate(changed.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        shown = np.where(changed[..., None], frame.bgr, shown)
        yield Frame(frame.time_s, shown, warm_up=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
