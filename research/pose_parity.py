"""The distance of our BlazePose from MediaPipe Tasks on the same frames of real clips.

    python -m research.pose_parity CLIPS... [--model full] [--sample-fps 15] [--pictures DIR]

Five comparisons, each against a reference on the same frames:

- `single`: every frame by itself, MediaPipe in IMAGE mode, ours as the first frame of a stream. No
  memory on either side: what differs is the arithmetic alone.
- `tracked`: MediaPipe in VIDEO mode against ours with the same one-euro filters switched on, from
  frame to frame through each clip.
- `noise`: MediaPipe in VIDEO mode against itself, with at most one grey level of noise on its
  frames. The next region follows from the landmarks, so tiny differences grow: no tracker can agree
  with MediaPipe better than MediaPipe agrees with itself.
- `engines`: ours against ours, tracked and filtered, the networks computed by OpenVINO and
  by torch, both in f32: the same tracker and weights, rounded differently.
- `bf16`: ours in bf16 against ours in f32, where the processor has it: single frames, and tracked
  without filters.

`tracked` is given over all clips with our raw landmarks too: the pipeline takes those, so that
figure holds the lag of MediaPipe's filters as well. `tracked, sure` is over the clips in which
MediaPipe agrees with itself within the limits. A clip is `out` where ours falls out of them, and
`out (noise too)` where MediaPipe does against itself. Distances are shares of the torso's length,
in the image and in metres for world landmarks, over those that the reference holds visible (0.5).
"""

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.machine import describe, existing_file
from repscore.models import weights
from repscore.models.blazepose.estimator import BlazePoseEstimator
from repscore.models.blazepose.network import Network
from repscore.models.blazepose.network_torch import TorchNetwork
from repscore.models.blazepose.networks import load_network
from repscore.models.blazepose.tracker import Stream, TrackerConfig, step
from repscore.models.estimator import EstimatorConfig, People, Unavailable
from repscore.models.mediapipe import MediaPipeEstimator
from repscore.transforms.pose.decode import Decoder

Array = npt.NDArray[np.floating]
Picture = npt.NDArray[np.uint8]

VISIBLE = 0.5
MEDIAN_LIMIT, P95_LIMIT, PRESENCE_LIMIT = 0.025, 0.08, 0.99
KINDS = (
    "single",
    "tracked",
    "noise",
    "engines",
    "bf16 single",
    "bf16 tracked",
    "tracked, raw",
)
SURE = "tracked, sure"


class Tally:
    """Distances of a comparison, frame by frame."""

    def __init__(self) -> None:
        self.frames = self.agree = 0
        self.image: list[Array] = []
        self.world: list[Array] = []

    def add(self, reference: People, ours: People) -> float:
        """Count one frame; the median distance in the image, 0 where one side sees nobody."""
        self.frames += 1
        self.agree += bool(len(reference.person)) == bool(len(ours.person))
        if not len(reference.person) or not len(ours.person):
            return 0.0
        visible = reference.visibility[0] >= VISIBLE
        image = _apart(reference.image_px[0, :, :2], ours.image_px[0, :, :2])[visible]
        self.image.append(image)
        self.world.append(_apart(reference.world_m[0], ours.world_m[0])[visible])
        return float(np.median(image)) if len(image) else 0.0

    def take(self, other: "Tally") -> None:
        """Add the frames of another tally."""
        self.frames += other.frames
        self.agree += other.agree
        self.image += other.image
        self.world += other.world

    def figures(self) -> list[float]:
        """Agreement on presence, then median and 95th percentile, image and world."""
        spans = [np.concatenate(parts) for parts in (self.image, self.world) if parts]
        spread = [float(q) for s in spans if len(s) for q in np.percentile(s, [50, 95])]
        return [self.agree / max(self.frames, 1), *(spread or [math.nan] * 4)]


def _apart(reference: Array, ours: Array) -> Array:
    """Distances (33,) in torso lengths of the reference."""
    torso = reference[[11, 12]].mean(axis=0) - reference[[23, 24]].mean(axis=0)
    distance: Array = np.linalg.norm(reference - ours, axis=1) / np.linalg.norm(torso)
    return distance


def frames(clip: Path, sample_fps: float, end_s: float) -> Iterator[tuple[float, Picture]]:
    """Times, to the millisecond as MediaPipe takes them, and frames."""
    with Decoder(str(clip), end_s=end_s, sample_fps=sample_fps) as decoder:
        for frame in decoder:
            yield round(frame.time_s, 3), frame.bgr


def with_landmarks(bgr: Picture, reference: People, ours: People) -> Picture:
    """The frame with MediaPipe's landmarks in green and ours in red."""
    bgr = bgr.copy()
    radius = max(2, max(bgr.shape) // 250)
    for people, colour in ((reference, (0, 255, 0)), (ours, (0, 0, 255))):
        for landmarks, visibility in zip(people.image_px[:1], people.visibility[:1], strict=True):
            for (x, y), v in zip(landmarks[:, :2], visibility, strict=True):
                thickness = -1 if v >= VISIBLE else 1
                cv2.circle(bgr, (round(float(x)), round(float(y))), radius, colour, thickness)
    return bgr


def _alone(bgr: Picture, network: Network) -> People:
    """Our people in a frame that is the first of a stream."""
    _, (people,) = step([Stream()], [bgr], [0.0], network, TrackerConfig(rivals=0))
    return people


class Sides:
    """All the estimators that are compared, and one clip after the other through them."""

    def __init__(self, model: weights.Model) -> None:
        f32 = EstimatorConfig(model, precision="f32")
        self._network = load_network(f32)
        self._single = MediaPipeEstimator(f32, tracking=False)
        self._video, self._noisy = MediaPipeEstimator(f32), MediaPipeEstimator(f32)
        self._smoothed = BlazePoseEstimator(f32, network=self._network, smoothing=True)
        self._raw = BlazePoseEstimator(f32, network=self._network)
        torch = TorchNetwork(weights.detector(), weights.landmarks(model), "cpu")
        self._second = BlazePoseEstimator(f32, network=torch, smoothing=True)
        self._bf16: BlazePoseEstimator | None = None
        try:
            half = EstimatorConfig(model, precision="bf16")
            self._bf16_network = load_network(half)
            self._bf16 = BlazePoseEstimator(half, network=self._bf16_network)
        except Unavailable as error:
            print(f"# no bf16: {error}")

    def compare(
        self, clip: Path, options: argparse.Namespace
    ) -> tuple[dict[str, Tally], Picture | None]:
        """A tally per kind; the frame on which the trackers differ most, if it is asked for."""
        tallies = {kind: Tally() for kind in KINDS}
        every: list[Any] = [
            self._single,
            self._video,
            self._noisy,
            self._smoothed,
            self._raw,
            self._second,
        ]
        for estimator in [*every, *([self._bf16] if self._bf16 else [])]:
            estimator.start()
        noise = np.random.default_rng(1)
        worst, picture = 0.0, None
        for time_s, bgr in frames(clip, options.sample_fps, options.limit_s):
            alone = _alone(bgr, self._network)
            tallies["single"].add(self._single.track(bgr, time_s), alone)
            expected, raw = self._video.track(bgr, time_s), self._raw.track(bgr, time_s)
            tracked = self._smoothed.track(bgr, time_s)
            apart = tallies["tracked"].add(expected, tracked)
            tallies["tracked, raw"].add(expected, raw)
            tallies["engines"].add(tracked, self._second.track(bgr, time_s))
            change = noise.integers(-1, 2, bgr.shape, dtype=np.int16)
            noisy = np.clip(bgr + change, 0, 255).astype(np.uint8)
            tallies["noise"].add(expected, self._noisy.track(noisy, time_s))
            if self._bf16:
                tallies["bf16 tracked"].add(raw, self._bf16.track(bgr, time_s))
                tallies["bf16 single"].add(alone, _alone(bgr, self._bf16_network))
            if options.pictures and apart > worst:
                worst, picture = apart, with_landmarks(bgr, expected, tracked)
        return tallies, picture

    def close(self) -> None:
        """Close what is MediaPipe's."""
        for estimator in (self._single, self._video, self._noisy):
            estimator.close()


def main(arguments: Sequence[str]) -> None:
    """Print a row per clip and the figures over all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+", type=existing_file)
    parser.add_argument("--model", choices=weights.MODELS, default="full")
    parser.add_argument("--sample-fps", type=float, default=15.0)
    parser.add_argument("--limit-s", type=float, default=math.inf, help="seconds of each clip")
    parser.add_argument("--pictures", type=Path, help="the worst frame of each clip that falls out")
    options = parser.parse_args(arguments)
    sides = Sides(options.model)
    print(f"# {describe()}; {options.model}")
    print(
        f"{'clip':40} frames   single: image, world   tracked: found image 95%  world 95%   noise"
    )
    total = {kind: Tally() for kind in (*KINDS, SURE)}
    for clip in options.clips:
        tallies, picture = sides.compare(clip, options)
        for kind, tally in tallies.items():
            total[kind].take(tally)
        out = _row(clip.name, tallies)
        if not _falls_out(tallies["noise"]):
            total[SURE].take(tallies["tracked"])
        if out and picture is not None:
            options.pictures.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(options.pictures / f"{clip.stem}.png"), picture)
    sides.close()
    for kind, tally in total.items():
        if tally.frames:
            agree, *spread = tally.figures()
            image, world = spread[:2], spread[2:]
            print(
                f"{kind:13} {tally.frames} frames, both see somebody or nobody in {agree:.2%}; "
                f"image 50% {image[0]:.2%}, 95% {image[1]:.2%}; "
                f"world 50% {world[0]:.2%}, 95% {world[1]:.2%}"
            )


def _row(name: str, tallies: dict[str, Tally]) -> bool:
    single, tracked, noise = (tallies[kind].figures() for kind in KINDS[:3])
    out = _falls_out(tallies["tracked"])
    too = " (noise too)" if _falls_out(tallies["noise"]) else ""
    print(
        f"{name[:40]:40} {tallies['single'].frames:6}   {single[1]:8.3%} {single[3]:8.3%}   "
        f"{tracked[0]:6.1%} {tracked[1]:6.2%} {tracked[2]:6.2%} {tracked[3]:6.2%} {tracked[4]:6.2%}"
        f"   {noise[0]:6.1%} {noise[1]:6.2%} {noise[2]:6.2%} {noise[3]:6.2%} {noise[4]:6.2%}"
        f"{f'  out{too}' if out else ''}",
        flush=True,
    )
    return out


def _falls_out(tally: Tally) -> bool:
    """Whether somebody is not found, or placed elsewhere, more often than the limits allow."""
    agree, image_middle, image_most, world_middle, world_most = tally.figures()
    return (
        agree < PRESENCE_LIMIT
        or max(image_middle, world_middle) > MEDIAN_LIMIT
        or max(image_most, world_most) > P95_LIMIT
    )


if __name__ == "__main__":
    main(sys.argv[1:])
