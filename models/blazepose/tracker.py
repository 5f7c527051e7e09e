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
from repscore.models.blazepose.identities import RegionPose, RegionTrack
from repscore.models.blazepose.network import (
    DETECTOR_SIDE,
    LANDMARK_SIDE,
    CropLandmarks,
    Network,
)
from repscore.models.blazepose.regions import Regions
from repscore.models.blazepose.smoothing import smooth
from repscore.models.estimator import People
from repscore.models.skeleton import to_canonical

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
        lost: people who were seen in the last `remember_s`.
        alone: identity of who was followed last without company; None where there was some.
        next_identity: what the next new person is called.
        detected_s: when the detector looked last; None before the first time.
    """

    tracks: tuple[RegionTrack, ...] = ()
    lost: tuple[RegionTrack, ...] = ()
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
    detected = dict(zip(due, _detect([frames[i] for i in due], network), strict=True))
    searched = [
        _where_to_look(stream, detected.get(i), config) for i, stream in enumerate(streams)
    ]  # regions per stream: its tracks', then those of people who may be new
    company = [len(regions_) > 1 or i in detected for i, regions_ in enumerate(searched)]
    poses = _look(frames, searched, company, network)
    lone = [
        i
        for i, stream in enumerate(streams)
        if len(stream.tracks) == len(poses[i]) == 1 and not stream.lost
    ]  # most of them: nothing to choose from
    followed = identities.continued(
        [streams[i].tracks[0] for i in lone],
        [poses[i][0] for i in lone],
        [times_s[i] for i in lone],
    )
    known = dict(zip(lone, followed, strict=True))
    advanced = [
        _advance(stream, times_s[i], poses[i], known.get(i), i in detected, config)
        for i, stream in enumerate(streams)
    ]
    return advanced, _people([stream.tracks for stream in advanced])


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
    whole = np.concatenate([regions.whole(frame) for frame in frames])
    images = network.crop(
        frames, range(len(frames)), whole, DETECTOR_SIDE, border=cv2.BORDER_CONSTANT
    )
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
    followed = np.array([track.pose.region for track in stream.tracks]).reshape(-1, 4)
    if detected is None:
        return followed
    new = detected[~identities.are_followed(detected, stream.tracks)]
    largest = np.concatenate([followed, detected])[:, 2].max(initial=0.0)
    rank = len(followed) + np.arange(len(new))
    room = rank < config.people + config.rivals
    rival = rank >= config.people  # in the background, there may be a hall full of them
    return np.concatenate([followed, new[room & (~rival | (new[:, 2] > MIN_RIVAL * largest))]])


def _look(
    frames: Sequence[Frame],
    searched: Sequence[Regions],
    company: Sequence[bool],
    network: Network,
) -> list[list[RegionPose]]:
    """The people in the regions of each stream; a region without a person gives none.

    What people look like is noted in the streams with `company`.
    """
    rows = np.concatenate(searched)
    if not len(rows):
        return [[] for _ in searched]
    owners = np.repeat(np.arange(len(frames)), [len(regions_) for regions_ in searched])
    crops = network.crop(frames, owners.tolist(), rows, LANDMARK_SIDE, border=cv2.BORDER_REPLICATE)
    noted = np.flatnonzero(np.array(company)[owners])
    seen = network.to_host(crops[noted]) if len(noted) else None
    poses = poses_of(network.infer_landmarks(crops), rows, seen, noted)
    return [
        [poses[row] for row in np.flatnonzero(owners == stream).tolist() if row in poses]
        for stream in range(len(frames))
    ]


def poses_of(
    landmarks: CropLandmarks,
    searched: Regions,
    seen: npt.NDArray[np.uint8] | None,
    noted: npt.NDArray[np.intp],
) -> dict[int, RegionPose]:
    """Row of the crops (B, ...) -> its landmarks in the image, where a person is present.

    The appearance is taken of the rows `noted` (N,), whose crops are `seen` (N, S, S, 3).
    """
    image = regions.to_image(landmarks.points, searched)
    visibility = landmarks.visibility[:, BODY].astype(np.float64)
    world = regions.turn(landmarks.world_m[:, BODY], searched)
    joints = to_canonical(image[:, BODY, :2], "blazepose33")
    following = regions.around(image[:, MID_HIP, :2], image[:, FULL_BODY, :2])
    colours: dict[int, npt.NDArray[np.float64]] = {}
    if seen is not None:
        torsos = identities.appearances(seen, landmarks.points[noted])
        colours = dict(zip(noted.tolist(), torsos, strict=True))
    present = (landmarks.presence > MIN_PRESENCE) & (following[:, 2] > 0)
    return {
        i: RegionPose(
            *(image[i, BODY], world[i], visibility[i], joints[i], following[i], colours.get(i))
        )
        for i in np.flatnonzero(present).tolist()
    }


def _advance(
    stream: Stream,
    time_s: float,
    poses: Sequence[RegionPose],
    lone: RegionTrack | None,
    detected: bool,
    config: TrackerConfig,
) -> Stream:
    """The stream after a frame; `lone` goes on being followed there without any choice."""
    tracks, lost, next_identity = (
        identities.assign(
            stream.tracks, stream.lost, poses, time_s, stream.next_identity, config.remember_s
        )
        if lone is None
        else ((lone,), (), stream.next_identity)
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
    return Stream(tracks, lost, alone, next_identity, detected_s)


def _smoothed(track: RegionTrack, time_s: float) -> RegionTrack:
    pose = track.pose
    before = track.smoothed
    after = smooth(
        before, time_s, pose.image_px, pose.world_m, pose.visibility, float(pose.region[2])
    )
    return replace(track, smoothed=after)


def _people(tracks: Sequence[Sequence[RegionTrack]]) -> list[People]:
    """The people of each stream."""
    everybody = [track for of_stream in tracks for track in of_stream]
    poses = [
        (t.pose.image_px, t.pose.world_m, t.pose.visibility)
        if t.smoothed is None
        else (t.smoothed.image_px.smooth, t.smoothed.world_m.smooth, t.smoothed.visibility)
        for t in everybody
    ]
    identity = np.array([track.identity for track in everybody], np.int32)
    image_px, world_m, visibility = (
        np.array([pose[part] for pose in poses], np.float32).reshape(-1, *shape)
        for part, shape in enumerate(((33, 3), (33, 3), (33,)))
    )
    ends = np.cumsum([len(of_stream) for of_stream in tracks]).tolist()
    spans = [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]
    return [
        People(identity[span], image_px[span], world_m[span], visibility[span]) for span in spans
    ]
