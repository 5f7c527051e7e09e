"""How far BlazePose here lies from MediaPipe Tasks on the same frames of real clips.

    python benchmarks/pose_parity.py CLIPS... [--model full] [--sample-fps 15] [--pictures DIR]

Both see every frame, one after the other, MediaPipe in VIDEO mode. Its one-euro smoothing is
accounted for by comparing twice: `smoothed`, with the same filters switched on here (what the
trackers differ in), and `raw`, as the pipeline takes it (that, and the lag of MediaPipe's filters).
Distances are shares of the torso's length in the image, or in metres for world landmarks, over
landmarks that MediaPipe holds visible (0.5 and more).
"""

import argparse
import math
import platform
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from repscore.models import weights
from repscore.models.blazepose.estimator import BlazePoseEstimator
from repscore.models.blazepose.graph_openvino import OpenVinoNetwork
from repscore.models.blazepose.tracker import TrackerConfig
from repscore.models.estimator import People
from repscore.models.mediapipe import MediaPipeEstimator
from repscore.transforms.pose.decode import Decoder

Array = npt.NDArray[np.floating]

VISIBLE = 0.5
MEDIAN_LIMIT, P95_LIMIT, PRESENCE_LIMIT = 0.025, 0.08, 0.99


class Tally:
    """Distances of one clip, frame by frame."""

    def __init__(self) -> None:
        self.frames = self.agree = 0
        self.image: list[Array] = []
        self.world: list[Array] = []
        self.worst: tuple[float, int] = (-1.0, 0)

    def add(self, reference: People, ours: People, frame: int) -> None:
        """Count one frame; `frame` is its number."""
        self.frames += 1
        self.agree += bool(len(reference.person)) == bool(len(ours.person))
        if not len(reference.person) or not len(ours.person):
            return
        seen = reference.visibility[0] >= VISIBLE
        image = _apart(reference.image_px[0, :, :2], ours.image_px[0, :, :2])[seen]
        self.image.append(image)
        self.world.append(_apart(reference.world_m[0], ours.world_m[0])[seen])
        middle = float(np.median(image)) if len(image) else 0.0
        self.worst = max(self.worst, (middle, frame))

    def figures(self) -> list[float]:
        """Agreement on presence, then median and 95th percentile, image and world."""
        spans = [np.concatenate(parts) for parts in (self.image, self.world) if parts]
        spread = [float(q) for s in spans if len(s) for q in np.percentile(s, [50, 95])]
        return [self.agree / max(self.frames, 1), *(spread or [float("nan")] * 4)]


def _apart(reference: Array, ours: Array) -> Array:
    """Distances (33,) in torso lengths of the reference."""
    torso = reference[[11, 12]].mean(axis=0) - reference[[23, 24]].mean(axis=0)
    distance: Array = np.linalg.norm(reference - ours, axis=1) / np.linalg.norm(torso)
    return distance


def frames(
    clip: Path, sample_fps: float, end_s: float = math.inf
) -> Iterator[tuple[float, npt.NDArray[np.uint8]]]:
    """Times, to the millisecond as MediaPipe takes them, and frames."""
    with Decoder(str(clip), end_s=end_s, sample_fps=sample_fps) as decoder:
        for frame in decoder:
            yield round(frame.time_s, 3), frame.rgb


def picture(rgb: npt.NDArray[np.uint8], reference: People, ours: People) -> npt.NDArray[np.uint8]:
    """The frame with MediaPipe's landmarks in green and ours in red."""
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    radius = max(2, max(bgr.shape) // 250)
    for people, colour in ((reference, (0, 255, 0)), (ours, (0, 0, 255))):
        for landmarks, visibility in zip(people.image_px, people.visibility, strict=True):
            for (x, y), v in zip(landmarks[:, :2], visibility, strict=True):
                thickness = -1 if v >= VISIBLE else 1
                cv2.circle(bgr, (round(float(x)), round(float(y))), radius, colour, thickness)
    return np.asarray(bgr, np.uint8)


def main(arguments: Sequence[str]) -> None:
    """Print a row per clip and one over all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--model", choices=weights.MODELS, default="full")
    parser.add_argument("--sample-fps", type=float, default=15.0)
    parser.add_argument("--limit-s", type=float, default=math.inf, help="seconds of each clip")
    parser.add_argument("--pictures", type=Path, help="the worst frame of each clip that falls out")
    options = parser.parse_args(arguments)

    network = OpenVinoNetwork(weights.detector(), weights.landmarks(options.model), "f32")
    reference = MediaPipeEstimator(options.model)
    smoothed = BlazePoseEstimator(options.model, TrackerConfig(smoothing=True), network=network)
    raw = BlazePoseEstimator(options.model, network=network)
    print(f"# {platform.processor() or platform.machine()}, {options.model}, f32,", end=" ")
    print(f"mediapipe {version('mediapipe')}, openvino {version('openvino')}")
    print(f"{'clip':42} frames  agree   image 50%   95%   world 50%   95%   raw 50%   95%")
    total, total_raw = Tally(), Tally()
    for clip in options.clips:
        tally, tally_raw = Tally(), Tally()
        worst: npt.NDArray[np.uint8] | None = None
        for estimator in (reference, smoothed, raw):
            estimator.start()
        for number, (time_s, rgb) in enumerate(frames(clip, options.sample_fps, options.limit_s)):
            expected = reference.track(rgb, time_s)
            found = smoothed.track(rgb, time_s)
            found_raw = raw.track(rgb, time_s)
            for t, people in ((tally, found), (total, found), (tally_raw, found_raw)):
                t.add(expected, people, number)
            total_raw.add(expected, found_raw, number)
            if options.pictures and tally.worst[1] == number:
                worst = picture(rgb, expected, found)
        out = _row(clip.name, tally, tally_raw)
        if out and options.pictures and worst is not None:
            options.pictures.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(options.pictures / f"{clip.stem}.jpg"), worst)
    reference.close()
    _row("all", total, total_raw)


def _row(name: str, tally: Tally, raw: Tally) -> bool:
    agree, *spread = tally.figures()
    out = agree < PRESENCE_LIMIT or spread[0] > MEDIAN_LIMIT or spread[1] > P95_LIMIT
    image = f"{spread[0]:10.2%} {spread[1]:6.2%} {spread[2]:10.2%} {spread[3]:6.2%}"
    raw_spread = raw.figures()[1:3]
    print(
        f"{name[:42]:42} {tally.frames:6} {agree:6.1%} {image} {raw_spread[0]:8.2%} "
        f"{raw_spread[1]:6.2%} {'  out' if out else ''}",
        flush=True,
    )
    return out


if __name__ == "__main__":
    main(sys.argv[1:])
