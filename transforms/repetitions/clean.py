"""Landmarks as sampled -> joints on a uniform grid, without glitches and jitter.

Everything here looks at a bounded neighbourhood of an instant, so that a stream may be cleaned in
pieces: `MARGIN` grid points and `REACH_S` seconds on either side decide a grid point for good.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from repscore.models.skeleton import to_canonical
from repscore.transforms.records import PoseFrames

Array = npt.NDArray[np.float64]

RATE_HZ = 15.0
"""The grid: instant k is k / RATE_HZ seconds from the start of the video."""
MAX_GAP_S = 0.5
MIN_VISIBILITY = 0.3
STEADY_S = 0.25
"""Seconds before and after a frame over whose mean a joint is visible: it flickers at the limit."""
REACH_S = MAX_GAP_S + STEADY_S
CUTOFF_HZ = 6.0
_TAPS = 4  # of the low-pass, on either side
_HAMPEL = 2  # grid points on either side that outvote an outlier
_REPAIR = 3  # longest run of outliers that is bridged
OUTLIER_TORSOS = 0.6
MARGIN = _TAPS + _HAMPEL + _REPAIR + 1


@dataclass(frozen=True)
class Samples:
    """Canonical joints at the times of the frames.

    Attributes:
        time_s: (N,), increasing.
        image_px: (N, 15, 3), NaN where the source gives no place.
        world_m: (N, 15, 3), NaN there too, or where the source has no depth.
        visibility: (N, 15), 0..1; 0 where the source gives no place.
    """

    time_s: Array
    image_px: Array
    world_m: Array
    visibility: Array

    def between(self, start_s: float, end_s: float) -> "Samples":
        """The frames with start_s <= time < end_s."""
        low, high = np.searchsorted(self.time_s, (start_s, end_s))
        return Samples(
            self.time_s[low:high],
            self.image_px[low:high],
            self.world_m[low:high],
            self.visibility[low:high],
        )

    def then(self, later: "Samples") -> "Samples":
        """These frames followed by later ones."""
        return Samples(
            np.concatenate([self.time_s, later.time_s]),
            np.concatenate([self.image_px, later.image_px]),
            np.concatenate([self.world_m, later.world_m]),
            np.concatenate([self.visibility, later.visibility]),
        )


def no_samples() -> Samples:
    """Zero frames."""
    return Samples(np.zeros(0), np.zeros((0, 15, 3)), np.zeros((0, 15, 3)), np.zeros((0, 15)))


def samples_of(poses: PoseFrames) -> Samples:
    """The canonical joints of landmarks; those without visibility become NaN."""
    image = to_canonical(poses.image_px.astype(np.float64), poses.topology)
    world = to_canonical(poses.world_m.astype(np.float64), poses.topology)
    visibility = to_canonical(poses.visibility[..., None].astype(np.float64), poses.topology)[
        ..., 0
    ]
    absent = ~(visibility > 0) | np.isnan(image[..., :2]).any(axis=-1)
    image[absent] = np.nan
    world[absent] = np.nan
    return Samples(poses.time_s, image, world, np.where(absent, 0.0, visibility))


def seen(samples: Samples) -> Samples:
    """The same frames; places of joints that are hardly visible around a frame become NaN.

    What counts is the mean visibility over the frames within STEADY_S that give the joint a place.
    Frames without their neighbours on both sides are not decided for good.
    """
    time = samples.time_s
    low = np.searchsorted(time, time - STEADY_S)
    high = np.searchsorted(time, time + STEADY_S, side="right")
    # Whole numbers: sums of them do not depend on where the frames begin.
    shares = np.rint(samples.visibility * 1000).astype(np.int64)
    each = np.stack([shares, samples.visibility > 0])
    total = np.concatenate([np.zeros_like(each[:, :1]), np.cumsum(each, axis=1)], axis=1)
    share, frames = total[:, high] - total[:, low]
    hidden = share < round(1000 * MIN_VISIBILITY) * np.maximum(frames, 1)
    place = np.where(hidden[..., None], np.nan, samples.image_px)
    world = np.where(hidden[..., None], np.nan, samples.world_m)
    return Samples(time, place, world, samples.visibility)


def on_grid(samples: Samples, first: int, count: int) -> tuple[Array, Array]:
    """Joints and visibilities at the grid instants first .. first + count - 1.

    Linear between the two frames around an instant on which the joint was seen, where these are at
    most MAX_GAP_S apart; else the frame within half a grid step; else NaN (visibility 0).

    Returns:
        (count, 15, 6): image x, y, z in pixels, world x, y, z in metres; (count, 15) visibility.
    """
    time = samples.time_s
    n = len(time)
    values = np.concatenate(
        [samples.image_px, samples.world_m, samples.visibility[..., None]], axis=-1
    )
    if n == 0:
        return np.full((count, 15, 6), np.nan), np.zeros((count, 15))
    known = ~np.isnan(values[..., 0])
    rows = np.arange(n)[:, None]
    before = np.maximum.accumulate(np.where(known, rows, -1), axis=0)
    after = np.minimum.accumulate(np.where(known, rows, n)[::-1], axis=0)[::-1]
    instants = (first + np.arange(count)) / RATE_HZ
    row = np.searchsorted(time, instants, side="right")
    none_before, none_after = np.full((1, 15), -1), np.full((1, 15), n)
    left = np.concatenate([none_before, before])[row]
    right = np.concatenate([after, none_after])[row]
    padded = np.concatenate([[-np.inf], time, [np.inf]])
    t_left, t_right = padded[left + 1], padded[right + 1]
    since, until = instants[:, None] - t_left, t_right - instants[:, None]
    bridged = since + until <= MAX_GAP_S
    share = np.where(bridged, since / np.where(bridged, since + until, 1.0), 0.0)
    share = np.where(bridged, share, (until < since).astype(np.float64))
    known = bridged | (np.minimum(since, until) <= 0.5 / RATE_HZ)
    joint = np.arange(15)[None, :]
    low = values[np.clip(left, 0, n - 1), joint]
    high = values[np.clip(right, 0, n - 1), joint]
    weight = share[..., None]
    # A weight of zero must not let the NaN of the other side through.
    mixed = np.where(weight == 0, low, np.where(weight == 1, high, low + (high - low) * weight))
    mixed = np.where(known[..., None], mixed, np.nan)
    return mixed[..., :6], np.nan_to_num(mixed[..., 6])


def reject_outliers(joints: Array, limit: Array | float) -> Array:
    """Joints that jump away from their neighbours in time for one or two instants are bridged.

    Args:
        joints: (n, 15, C); the first two coordinates decide.
        limit: distance from the median of five instants that makes an outlier, in their unit.
    """
    padded = np.pad(joints[..., :2], ((_HAMPEL, _HAMPEL), (0, 0), (0, 0)), constant_values=np.nan)
    window = np.sort(sliding_window_view(padded, 2 * _HAMPEL + 1, axis=0), axis=-1)  # NaN last
    known = (~np.isnan(window)).sum(axis=-1)
    middle = np.clip((known - 1) // 2, 0, None)[..., None]
    median = np.take_along_axis(window, middle, axis=-1)[..., 0]
    outlier = np.linalg.norm(joints[..., :2] - median, axis=-1) > limit
    return _bridge(np.where(outlier[..., None], np.nan, joints), outlier)


def _bridge(joints: Array, holes: npt.NDArray[np.bool_]) -> Array:
    """Fill holes of at most _REPAIR instants linearly between what is seen on both sides."""
    if not holes.any():
        return joints
    filled = joints.copy()
    n = len(joints)
    for joint in np.flatnonzero(holes.any(axis=0)):
        seen = np.flatnonzero(~np.isnan(joints[:, joint, 0]))
        if len(seen) == 0:
            continue
        wanted = np.flatnonzero(holes[:, joint])
        place = np.searchsorted(seen, wanted)
        inside = (place > 0) & (place < len(seen))
        wanted, place = wanted[inside], place[inside]
        left, right = seen[place - 1], seen[place]
        near = right - left <= _REPAIR + 1
        wanted, left, right = wanted[near], left[near], right[near]
        share = ((wanted - left) / np.maximum(right - left, 1))[:, None]
        filled[wanted, joint] = joints[left, joint] * (1 - share) + joints[right, joint] * share
    assert len(filled) == n  # noqa: S101
    return filled


def low_pass_kernel(cutoff_hz: float = CUTOFF_HZ) -> Array:
    """A symmetric (zero-phase) windowed sinc of nine taps whose sum is one."""
    lag = np.arange(-_TAPS, _TAPS + 1)
    kernel = np.sinc(2 * cutoff_hz / RATE_HZ * lag) * np.hamming(2 * _TAPS + 1)
    normed: Array = kernel / kernel.sum()
    return normed


def low_pass(values: Array, kernel: Array) -> Array:
    """Filter (n, ...) along time; NaN stays NaN and lends no weight to its neighbours."""
    seen = ~np.isnan(values)
    reach = len(kernel) // 2
    width = [(reach, reach)] + [(0, 0)] * (values.ndim - 1)
    padded = np.pad(np.where(seen, values, 0.0), width)
    weights = np.pad(seen.astype(np.float64), width)
    n = len(values)
    total = np.zeros(values.shape)
    weight = np.zeros(values.shape)
    for tap, share in enumerate(kernel):
        total += share * padded[tap : tap + n]
        weight += share * weights[tap : tap + n]
    return np.where(seen, total / np.where(weight > 0.1, weight, np.nan), np.nan)


def clean(samples: Samples, first: int, count: int, torso_px: Array | float) -> tuple[Array, Array]:
    """Joints and visibilities at grid instants first .. first + count - 1, ready for measuring.

    `samples`, of which `seen` has decided, hold all frames within MARGIN grid steps and MAX_GAP_S
    of these instants; `torso_px` (NaN where unknown) is the measure for what counts as a jump:
    one, or one for each of the count + 2 * MARGIN grid points around.

    Returns:
        (count, 15, 6): image x, y, z in pixels, world x, y, z in metres; (count, 15) visibility.
    """
    joints, visibility = on_grid(samples, first - MARGIN, count + 2 * MARGIN)
    limit = OUTLIER_TORSOS * np.asarray(torso_px, np.float64)
    joints = reject_outliers(joints, limit[:, None] if limit.ndim else limit)
    joints = low_pass(joints, low_pass_kernel())
    return joints[MARGIN:-MARGIN], visibility[MARGIN:-MARGIN]
