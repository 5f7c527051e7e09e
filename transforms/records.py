"""What travels between the stages: small frozen records, references instead of arrays."""

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from repscore.models.estimator import EstimatorConfig
from repscore.models.scorer.represent import Execution
from repscore.models.scorer.score import Score
from repscore.transforms.errors import ErrorKind, kind_of_error, message_of

FloatArray = npt.NDArray[np.float32]

Stage = Literal["discover", "probe", "pose", "repetitions", "score", "write"]


CLOCK_JUMP: Final = "ClockJump"
"""Error class of a failure that says where time begins anew; nothing is missing there."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that could not be processed: a row of the `failures` table.

    The next run tries again by itself what is `transient` or `missing`; `replay` does the rest.
    """

    uri: str
    video_id: str | None
    stage: Stage
    error_class: str
    message: str
    segment: int | None = None
    attempts: int = 1
    kind: ErrorKind = "permanent"


class Name(NamedTuple):
    """One of the names of a content: where it lies, and what the listing said of it."""

    uri: str
    stamp: str
    arrived_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Video:
    """An input with its content, or with the reason why it cannot be processed.

    Attributes:
        uri: where it lies; an absolute path or a URL.
        video_id: names the content, not the place (`video_id_of`).
        fingerprint: `<kind>:<value>` of the content, e.g. `blake2b:...` or `md5:...`.
        stamp: what the listing said (size and modification time or etag): equal stamp, same file.
        duplicates: other names that hold the same content.
        location: the one of its names to read it from.
        failure: why the input cannot be processed; where its content could not even be read, the
            fingerprint names the place.
        arrived_at: when it came to `uri` by the clock of the source, UTC: its event time. None
            where the source does not say.
    """

    uri: str
    video_id: str
    fingerprint: str
    size_bytes: int
    stamp: str
    duplicates: tuple[Name, ...]
    location: str
    failure: Failure | None = None
    arrived_at: datetime | None = None

    def stamp_of_location(self) -> str:
        """What the listing said of the name to read from."""
        stamps = {name.uri: name.stamp for name in self.duplicates}
        return (stamps | {self.uri: self.stamp})[self.location]


@dataclass(frozen=True, slots=True)
class Known:
    """What the `videos` table holds of an input; another `config` is out of date."""

    uri: str
    stamp: str
    fingerprint: str
    size_bytes: int
    config: str
    duplicate_of: str | None = None
    arrived_at: datetime | None = None


def failure_of(
    video: Video, stage: Stage, error: BaseException, segment: int | None = None, attempts: int = 1
) -> Failure:
    """The failure that an error at a stage is for an input."""
    name, message, kind = type(error).__name__, message_of(error), kind_of_error(error)
    return Failure(video.uri, video.video_id, stage, name, message, segment, attempts, kind)


def video_id_of(fingerprint: str) -> str:
    """16 hexadecimal digits that name a fingerprint."""
    return hashlib.blake2b(fingerprint.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Clock:
    """A stretch of a video stream whose time stamps belong together.

    Attributes:
        first: number of its first picture in the order of storage, from 0.
        raw_s: the time stamp, in seconds, that is `start_s`; None where pictures have none, then
            they follow each other by the nominal rate.
        start_s: seconds from the first picture of the video.
    """

    first: int
    raw_s: float | None
    start_s: float


@dataclass(frozen=True, slots=True)
class Probe:
    """What the container says of its video stream, after rotation and with square pixels.

    Keypoints say nothing of the picture they came from: size (unless their file tells it) and
    rotation are None.

    Attributes:
        frames: pictures that the container holds, by its index or its packets.
        duration_s: from the first picture to the end of the last one.
        clocks: of a video, at least one.
        notes: what was chosen or left aside, e.g. a second video stream.
        topology: of keypoints, a key of `skeleton.TOPOLOGIES`; None for a video, and where no
            frame shows anybody.
        recorded_at: when the camera says that it began, UTC; None where it does not say.
    """

    width_px: int | None
    height_px: int | None
    fps: float
    frames: int
    duration_s: float
    rotation_deg: int | None
    codec: str
    topology: str | None = None
    recorded_at: datetime | None = None
    clocks: tuple[Clock, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any(size is not None and size <= 0 for size in (self.width_px, self.height_px)):
            raise ValueError(f"a frame of {self.width_px}x{self.height_px} pixels")


@dataclass(frozen=True, slots=True)
class Segment:
    """A half-open span of a video, [start_s, end_s), the unit of extraction and of resuming.

    The last segment of a video ends at infinity: what the container announces is not trusted.
    A video with a failure has one segment, without a probe: a tombstone.
    """

    video: Video
    index: int
    count: int
    start_s: float
    end_s: float
    probe: Probe | None

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise ValueError(f"segment {self.index} of {self.count}")
        if not self.start_s < self.end_s:
            raise ValueError(f"segment ends at {self.end_s} s, starts at {self.start_s} s")


@dataclass(frozen=True, slots=True)
class SegmentPoses:
    """A finished segment: where its poses lie, or, with `path` None, a tombstone.

    A segment may carry failures and poses at once: what could be decoded of a damaged file.

    Attributes:
        frames: number of sampled frames; somebody was found in `frames_with_person` of them.
        pictures: what the container holds; `pictures_decoded` of them could be decoded.
        decoded_s: span of time that was decoded.
        busy_s: what it cost; 0 where the file was in the store already.
    """

    segment: Segment
    pose_version: str
    path: str | None
    frames: int = 0
    frames_with_person: int = 0
    pictures: int = 0
    pictures_decoded: int = 0
    decoded_s: float = 0.0
    busy_s: float = 0.0
    failures: tuple[Failure, ...] = ()

    def __post_init__(self) -> None:
        if self.path is None and not self.failures:
            raise ValueError("a segment without poses must say why: failures is empty")


@dataclass(frozen=True, eq=False)
class PoseFrames:
    """One person's landmarks over consecutive sampled frames; row i is the frame at time_s[i].

    Frames without the person are rows of NaN (visibility 0), so that time has no holes.

    Attributes:
        topology: a key of `skeleton.TOPOLOGIES`; L is its number of landmarks.
        time_s: (N,) float64, increasing, seconds from the start of the video.
        image_px: (N, L, 3) float32, x right, y down, z in the scale of x (NaN where unknown).
        world_m: (N, L, 3) float32, metres, origin between the hips, y down; NaN where unknown.
        visibility: (N, L) float32, 0..1.
    """

    topology: str
    time_s: npt.NDArray[np.float64]
    image_px: FloatArray
    world_m: FloatArray
    visibility: FloatArray

    def __post_init__(self) -> None:
        n, landmarks = self.image_px.shape[:2]
        expected = ((n,), (n, landmarks, 3), (n, landmarks, 3), (n, landmarks))
        arrays = (self.time_s, self.image_px, self.world_m, self.visibility)
        if tuple(array.shape for array in arrays) != expected:
            found = [array.shape for array in arrays]
            raise ValueError(f"expected arrays {expected} of one length, found {found}")


@dataclass(frozen=True, eq=False, kw_only=True)
class Repetition(Execution):
    """One repetition of one person: the half-open window [start_s, end_s) and its keypoints.

    Row i of the keypoints is the instant time_s[i] of a uniform grid; they are float16.

    Attributes:
        hold_s: how long the body stays near its turning point, around turn_s.
        amplitude_torsos: how far the body goes out, as the length of its change of shape.
        confidence: 0..1, how sure the segmenter is that this is a repetition.
        concentric_s, eccentric_s: durations of the phases that go up and down against gravity;
            None where that cannot be told.
        range_of_motion_deg: span of the joint angle that moves most; None where no angle is seen.
        symmetry: 0..1, likeness of the left and the right side's joint angles; None where only one
            side is seen.
        pose_coverage: share of the grid in the window on which the person was seen.
    """

    person: int
    hold_s: float
    amplitude_torsos: float
    confidence: float
    concentric_s: float | None
    eccentric_s: float | None
    range_of_motion_deg: float | None
    symmetry: float | None
    pose_coverage: float

    @property
    def out_s(self) -> float:
        """How long it takes to go out."""
        return max(0.0, self.turn_s - self.hold_s / 2 - self.start_s)

    @property
    def back_s(self) -> float:
        """How long it takes to come back."""
        return max(0.0, self.end_s - self.hold_s / 2 - self.turn_s)


@dataclass(frozen=True, eq=False)
class Recording:
    """A video after its last segment: all its repetitions in time order, all its failures.

    The container holds `pictures`, of which `pictures_decoded` could be decoded and `frames` were
    sampled; in `frames_with_person` somebody was found. `pose_s` is what
    the poses cost in this run.
    """

    video: Video
    probe: Probe | None
    pose_version: str
    segments: int
    frames: int
    frames_with_person: int
    pictures: int
    pictures_decoded: int
    people: int
    decoded_s: float
    pose_s: float
    repetitions: tuple[Repetition, ...]
    failures: tuple[Failure, ...]


@dataclass(frozen=True, eq=False)
class ScoredRecording:
    """A recording and the score of each of its repetitions, in the same order."""

    recording: Recording
    scores: tuple[Score, ...]
    scorer_version: str

    def __post_init__(self) -> None:
        if len(self.scores) != len(self.recording.repetitions):
            raise ValueError(
                f"{len(self.recording.repetitions)} repetitions, {len(self.scores)} scores"
            )


@dataclass(frozen=True)
class PoseConfig(EstimatorConfig):
    """Everything that decides the poses of a video.

    Attributes:
        estimator: a name of `models.estimator.ESTIMATORS`, or `module:class`.
        sample_fps: frames per second that are estimated; None takes every frame.
        segment_s: length of a segment; cuts lie on keyframes.
        warm_up_s: time before a segment that the tracker sees and whose poses are dropped.
        fps: frames per second of inputs whose files say nothing of time; None is 30 for keypoints,
            of which every frame is taken, and what the header says for raw video streams.
        picture_px: width and height of the picture, for keypoints in shares of it whose files do
            not say it.
    """

    estimator: str = "blazepose"
    sample_fps: float | None = 15.0
    segment_s: float = 60.0
    warm_up_s: float = 1.0
    fps: float | None = None
    picture_px: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.sample_fps is None or 0 < self.sample_fps < math.inf):
            raise ValueError(f"frames are sampled at a positive rate, found {self.sample_fps} fps")
        if not (0 < self.segment_s < math.inf and 0 <= self.warm_up_s < math.inf):
            raise ValueError(
                f"a segment has a length and a warm-up, found {self.segment_s} s and "
                f"{self.warm_up_s} s"
            )
        if self.fps is not None and not 0 < self.fps < math.inf:
            raise ValueError(f"frames come at a positive rate, found {self.fps} fps")

    @property
    def rate_of_keypoints(self) -> float:
        """Frames per second of keypoints whose files say nothing of time."""
        return 30.0 if self.fps is None else self.fps
