"""Follows people through the frames of many streams at once, as one pure step.

`step` takes the frame that is due of every stream, asks the networks once for all of them, and
returns what was found and what to remember. Where the networks run is not its affair.

Somebody alone gets MediaPipe's own logic: the detector looks where nobody is followed, the
landmarks of one frame say where to look in the next. More people than are wanted are followed, so
that whose repetitions count can be decided when all is known. Their identities are in `identities`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from repscore.models.blazepose import identities, regions
from repscore.models.blazepose.detector import Detections, detections
from repscore.models.blazepose.identities import Sighting, Track
from repscore.models.blazepose.network import (
    DETECTOR_SIDE,
    LANDMARK_SIDE,
    CropLandmarks,
    Network,
)
from repscore.models.blazepose.regions import Regions
from repscore.models.blazepose.smoothing import smooth
from repscore.models.estimator import People

Frame = npt.NDArray[np.uint8]

BODY: Final = slice(0, 33)
MID_HIP, FULL_BODY = 33, 34
MIN_PRESENCE: Final = 0.5
MIN_RIVAL: Final = 0.5
"""Smaller people, as a share of the largest in the picture, are no rivals."""


@dataclass(frozen=True, slots=True)
class TrackerConfig:
    """How people are followed.

    Attributes:
        people: how many are wanted; with one, somebody alone keeps the identity through any gap.
        rivals: how many more are followed at once where more are seen.
        look_again_s: how often the detector looks while fewer than are wanted are followed.
        look_around_s: how often it looks for rivals.
        look_back_s: how often it looks for somebody who left, if others are still followed.
        remember_s: how long somebody may be away and keep the identity.
        smoothing: MediaPipe's one-euro filters on what is returned (not on what is followed).
    """

    people: int = 1
    rivals: int = 2
    look_again_s: float = 1.0
    look_around_s: float = 3.0
    look_back_s: float = 0.5
    remember_s: float = 3.0
    smoothing: bool = False


@dataclass(frozen=True, eq=False)
class Stream:
    """What is remembered of one stream between frames; `Stream()` is one that begins.

    Attributes:
        tracks: people followed now.
        lost: people whom the last `remember_s` have seen.
        alone: identity of who was followed last without company; None where there was some.
        next_identity: what the next new person is called.
        detected_s: when the detector looked last; None before the first time.
    """

    tracks: tuple[Track, ...] = ()
    lost: tuple[Track, ...] = ()
    alone: int | None = None
    next_identity: int = 0
    detected_s: float | None = None


def step(
    streams: Sequence[Stream],
    frames: Sequence[Frame],
    times_s: Sequence[float],
    network: Network,
    config: TrackerConfig,
) -> tuple[list[Stream], list[People]]:
    """One frame further in every stream; frames are (H, W, 3) RGB of any size, one per stream.

    Each network is asked at most once, with all crops of all streams in one batch. Streams do not
    touch each other: a stream fares alike alone and in company.
    """
    due = [i for i, s in enumerate(streams) if _is_detector_due(s, times_s[i], config)]
    found = dict(zip(due, _detect([frames[i] for i in due], network), strict=True))
    looks = [
        _where_to_look(stream, found.get(i), config) for i, stream in enumerate(streams)
    ]  # regions per stream: its tracks', then those of people who may be new
    company = [len(look) > 1 or i in found for i, look in enumerate(looks)]
    sightings = _look(frames, looks, company, network)
    results = [
        _advance(stream, time_s, seen, i in found, config)
        for i, (stream, time_s, seen) in enumerate(zip(streams, times_s, sightings, strict=True))
    ]
    return [stream for stream, _ in results], [people for _, people in results]


def _is_detector_due(stream: Stream, time_s: float, config: TrackerConfig) -> bool:
    if not stream.tracks or stream.detected_s is None:
        return True
    if len(stream.tracks) >= config.people + config.rivals:
        return False
    enough = len(stream.tracks) >= config.people
    pause_s = config.look_around_s if enough else config.look_again_s
    return time_s - stream.detected_s >= (config.look_back_s if stream.lost else pause_s)


def _detect(frames: Sequence[Frame], network: Network) -> list[Regions]:
    """Regions (K, 4) of the people the detector finds in each frame, the surest first."""
    if not frames:
        return []
    images = np.empty((len(frames), DETECTOR_SIDE, DETECTOR_SIDE, 3), np.uint8)
    for image, frame in zip(images, frames, strict=True):
        regions.crop(frame, regions.whole(frame)[0], image, border=cv2.BORDER_CONSTANT)
    boxes, scores = network.infer_detector(images)
    return [
        _detected_regions(detections(*raw), frame)
        for *raw, frame in zip(boxes, scores, frames, strict=True)
    ]


def _detected_regions(found: Detections, frame: Frame) -> Regions:
    whole = np.repeat(regions.whole(frame), len(found.score), axis=0)
    keypoints = regions.to_image(found.keypoints, whole)
    return regions.around(keypoints[:, 0], keypoints[:, 1])


def _where_to_look(stream: Stream, detected: Regions | None, config: TrackerConfig) -> Regions:
    followed = np.array([track.region for track in stream.tracks]).reshape(-1, 4)
    if detected is None:
        return followed
    new = detected[~identities.are_near(detected, followed)]
    largest = np.concatenate([followed, detected])[:, 2].max(initial=0.0)
    rank = len(followed) + np.arange(len(new))
    room = rank < config.people + config.rivals
    rival = rank >= config.people  # in the background, there may be a hall full of them
    return np.concatenate([followed, new[room & (~rival | (new[:, 2] > MIN_RIVAL * largest))]])


def _look(
    frames: Sequence[Frame], looks: Sequence[Regions], company: Sequence[bool], network: Network
) -> list[list[Sighting | None]]:
    """For each region of each stream the person in it, None where there is none.

    What people look like is noted in the streams with `company`.
    """
    every = np.concatenate(looks)
    if not len(every):
        return [[] for _ in looks]
    crops = np.empty((len(every), LANDMARK_SIDE, LANDMARK_SIDE, 3), np.uint8)
    owners = [frame for frame, look in zip(frames, looks, strict=True) for _ in look]
    for frame, region, out in zip(owners, every, crops, strict=True):
        regions.crop(frame, region, out, border=cv2.BORDER_REPLICATE)
    noted = np.repeat(company, [len(look) for look in looks])
    seen = sightings(network.infer_landmarks(crops), every, crops, noted)
    ends = np.cumsum([len(look) for look in looks])
    return [seen[end - len(look) : end] for end, look in zip(ends, looks, strict=True)]


def sightings(
    found: CropLandmarks,
    looked: Regions,
    crops: npt.NDArray[np.uint8],
    noted: npt.NDArray[np.bool_],
) -> list[Sighting | None]:
    """Landmarks of crops (B, ...) placed in their images; None where no person is present.

    The appearance is taken of those that are `noted` (B,).
    """
    image = regions.to_image(found.points, looked)
    visibility = found.visibility[:, BODY].astype(np.float64)
    world = regions.turn(found.world_m[:, BODY], looked)
    following = regions.around(image[:, MID_HIP, :2], image[:, FULL_BODY, :2])
    looks: list[npt.NDArray[np.float64] | None] = [None] * len(looked)
    if noted.any():
        colours = identities.appearances(crops[noted], found.points[noted])
        for i, colour in zip(np.flatnonzero(noted), colours, strict=True):
            looks[i] = colour
    return [
        Sighting(
            image[i, BODY],
            world[i],
            visibility[i],
            following[i],
            looks[i],
        )
        if found.presence[i] > MIN_PRESENCE and following[i, 2] > 0
        else None
        for i in range(len(looked))
    ]


def _advance(
    stream: Stream,
    time_s: float,
    seen: Sequence[Sighting | None],
    detected: bool,
    config: TrackerConfig,
) -> tuple[Stream, People]:
    tracks, lost, next_identity = identities.assign(
        stream.tracks, stream.lost, seen, time_s, stream.next_identity, config.remember_s
    )
    alone = stream.alone
    if len(tracks) > 1:
        alone = None
    elif len(tracks) == 1:
        is_new = tracks[0].identity == stream.next_identity
        if config.people == 1 and is_new and alone is not None:
            tracks, next_identity = (replace(tracks[0], identity=alone),), stream.next_identity
            lost = tuple(track for track in lost if track.identity != alone)
        alone = tracks[0].identity
    if config.smoothing:
        tracks = tuple(_smoothed(track, time_s) for track in tracks)
    detected_s = time_s if detected else stream.detected_s
    return Stream(tracks, lost, alone, next_identity, detected_s), _people(tracks)


def _smoothed(track: Track, time_s: float) -> Track:
    seen = track.seen
    before = track.smoothed
    after = smooth(
        before, time_s, seen.image_px, seen.world_m, seen.visibility, float(seen.region[2])
    )
    return replace(track, smoothed=after)


def _people(tracks: Sequence[Track]) -> People:
    shown = sorted(tracks, key=lambda track: track.identity)

    def stack(rows: list[npt.NDArray[np.float64]], *shape: int) -> npt.NDArray[np.float32]:
        return np.array(rows, np.float32).reshape(len(shown), *shape)

    poses = [
        (t.seen.image_px, t.seen.world_m, t.seen.visibility)
        if t.smoothed is None
        else (t.smoothed.image_px.smooth, t.smoothed.world_m.smooth, t.smoothed.visibility)
        for t in shown
    ]
    return People(
        person=np.array([track.identity for track in shown], np.int32),
        image_px=stack([pose[0] for pose in poses], 33, 3),
        world_m=stack([pose[1] for pose in poses], 33, 3),
        visibility=stack([pose[2] for pose in poses], 33),
    )
