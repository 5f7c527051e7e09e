"""Training examples: crops of labelled motion, augmented."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from repscore.models.phases.network import FEATURES, MIRROR, PHASE_CLASSES, RATE_HZ

Array = npt.NDArray[np.float64]
Spans = tuple[tuple[float, float], ...]

TAIL: Final = 60
"""Instants after the end of a crop in which the body is held."""
_SLOWEST, _FASTEST = 0.33, 1.8
_AMPLITUDES: Final = np.log([0.15, 1.3])
_HIDDEN: Final = (  # columns of vectors that are lost together: arms, legs, their ends, the head
    slice(0, 8), slice(0, 2), slice(2, 4), slice(4, 6), slice(6, 8), slice(8, 16),
    slice(10, 12), slice(14, 16), slice(18, 20),
)  # fmt: skip
_SIDES: Final = (np.r_[0:4, 8:12], np.r_[4:8, 12:16])
"""Columns of the far side, which the body hides."""


@dataclass(frozen=True, eq=False)
class MotionSequence:
    """One person's motion and the truth about it.

    Attributes:
        vectors: (N, 10, 3) between the joints of network.VECTORS, in torsos; what is not seen is
            bridged or held.
        present: (N,) 1 where the person is seen or a short gap is bridged, else 0.
        rate_hz: of the frames.
        spans: repetitions, half open, in seconds.
    """

    vectors: Array
    present: Array
    rate_hz: float
    spans: Spans


@dataclass(frozen=True, eq=False)
class Example:
    """Input and target of the network: rows are instants at RATE_HZ.

    Attributes:
        vectors: (T, FEATURES); present: (T,).
        phase: (T,) 0 idle, 1 .. PHASE_CLASSES.
        weight: (T,) of the loss; 0 in repetitions that the crop cuts.
        shape: 1 where the network sees the body's shape, 0 where it sees its motion alone.
    """

    vectors: Array
    present: Array
    phase: npt.NDArray[np.int64]
    weight: Array
    shape: float


def phases_of(time_s: Array, spans: Spans) -> npt.NDArray[np.int64]:
    """Class of each instant (N,): 0 outside all spans, else which of PHASE_CLASSES equal parts."""
    phase = np.zeros(len(time_s), np.int64)
    for start_s, end_s in spans:
        inside = (time_s >= start_s) & (time_s < end_s)
        share = (time_s[inside] - start_s) / (end_s - start_s)
        phase[inside] = 1 + np.minimum(PHASE_CLASSES - 1, (share * PHASE_CLASSES).astype(np.int64))
    return phase


def hold(values: Array, seen: npt.NDArray[np.bool_], longest: int) -> tuple[Array, Array]:
    """Bridge gaps of at most `longest` rows of (N, ...) linearly, hold the last row in others.

    Returns:
        the filled rows, and (N,) 1 where they were seen or bridged.
    """
    n, known = len(values), np.flatnonzero(seen)
    if not len(known):
        return np.zeros_like(values), np.zeros(n)
    row = np.arange(n)
    place = np.searchsorted(known, row, side="right") - 1
    low = known[np.maximum(place, 0)]
    high = known[np.minimum(place + 1, len(known) - 1)]
    bridged = (place >= 0) & (high > low) & (high - low <= longest + 1)
    share = np.where(bridged & ~seen, (row - low) / np.maximum(high - low, 1), 0.0)
    share = share.reshape(-1, *[1] * (values.ndim - 1))
    return values[low] * (1 - share) + values[high] * share, (seen | bridged).astype(np.float64)


@dataclass(frozen=True)
class CropConfig:
    """Shares of the crops.

    Attributes:
        hidden: motion alone is seen, not the body's shape.
        ends: they lie at an end of the video.
        short: they hold one to three repetitions and hardly anything else.
    """

    hidden: float
    ends: float
    short: float


def crop(
    sequence: MotionSequence, rng: np.random.Generator, length: int, config: CropConfig
) -> Example:
    """A stretch of a sequence at a random tempo, forwards or (a quarter) backwards."""
    if sequence.spans and rng.random() < config.short:
        return _short(sequence, rng, length, config)
    duration_s = len(sequence.vectors) / sequence.rate_hz
    tempo = float(np.exp(rng.uniform(np.log(_SLOWEST), np.log(_FASTEST))))
    span_s = length / RATE_HZ * tempo
    latest = max(0.0, duration_s - 0.6 * span_s)
    start_s = float(np.clip(rng.uniform(-0.3 * span_s, latest), 0.0, latest))
    if config.ends and rng.random() < config.ends:
        start_s = float(rng.choice([0.0, max(0.0, duration_s - span_s)]))
    time_s = start_s + np.arange(length) / RATE_HZ * tempo
    time_s = time_s[time_s <= duration_s - 1 / sequence.rate_hz]
    vectors, present = sampled(sequence, time_s)
    phase, weight = phases_of(time_s, sequence.spans), 0.3 + 0.7 * present
    for begin_s, end_s in sequence.spans:
        if begin_s < time_s[0] < end_s or begin_s < time_s[-1] < end_s:
            weight[(time_s >= begin_s) & (time_s < end_s)] = 0
    if rng.random() < 0.25:
        vectors, present, weight = vectors[::-1], present[::-1], weight[::-1]
        phase = np.where(phase > 0, PHASE_CLASSES + 1 - phase, 0)[::-1]
    shape = float(rng.random() > config.hidden)
    return augment(Example(vectors, present, phase, weight, shape), rng, length)


def _short(
    sequence: MotionSequence, rng: np.random.Generator, length: int, config: CropConfig
) -> Example:
    """One to three repetitions, the rest around them, and perhaps a moment of stillness."""
    spans = sequence.spans
    first = int(rng.integers(len(spans)))
    last = min(first + int(rng.integers(3)), len(spans) - 1)
    ends_s = [0.0, *(end_s for _, end_s in spans)]
    starts_s = [*(start_s for start_s, _ in spans), len(sequence.vectors) / sequence.rate_hz]
    lead_s, tail_s = rng.uniform(0, 1.5, 2)
    from_s = max(spans[first][0] - lead_s, min(ends_s[first], spans[first][0]))
    until_s = min(spans[last][1] + tail_s, max(starts_s[last + 1], spans[last][1]))
    tempo = float(np.exp(rng.uniform(np.log(_SLOWEST), np.log(_FASTEST))))
    time_s = np.arange(from_s, until_s, tempo / RATE_HZ)[:length]
    vectors, present = sampled(sequence, time_s)
    phase, weight = phases_of(time_s, spans), 0.3 + 0.7 * present
    if rng.random() < 0.25:
        vectors, present, weight = vectors[::-1], present[::-1], weight[::-1]
        phase = np.where(phase > 0, PHASE_CLASSES + 1 - phase, 0)[::-1]
    before, after = (int(rng.integers(2, 30)) * int(rng.random() < 0.4) for _ in range(2))
    still = ((before, after), (0, 0), (0, 0))
    example = Example(
        vectors=np.pad(vectors, still, mode="edge"),
        present=np.pad(present, (before, after), constant_values=1.0),
        phase=np.pad(phase, (before, after)),
        weight=np.pad(weight, (before, after), constant_values=1.0),
        shape=float(rng.random() > config.hidden),
    )
    return augment(example, rng, length)


def sampled(sequence: MotionSequence, time_s: Array) -> tuple[Array, Array]:
    """Vectors (T, 10, 3) and presence (T,) of a sequence at instants within it."""
    place = time_s * sequence.rate_hz
    low = np.clip(place.astype(np.int64), 0, len(sequence.vectors) - 2)
    share = np.clip(place - low, 0, 1)
    between = share[:, None, None]
    vectors = sequence.vectors[low] * (1 - between) + sequence.vectors[low + 1] * between
    return vectors, sequence.present[low + (share > 0.5)]


def augment(example: Example, rng: np.random.Generator, length: int) -> Example:
    """Another camera (or two), amplitude, rests, jitter, gaps, unseen limbs; `length` + TAIL rows.

    The example's vectors are (T, 10, 3); those of the result are (T, FEATURES).
    """
    flat = seen_from_somewhere(example.vectors, rng)
    present, phase, weight = example.present, example.phase, example.weight
    n = len(flat)
    if rng.random() < 0.15:  # the camera changes
        cut = int(rng.integers(n // 4, max(n // 4 + 1, 3 * n // 4)))
        flat = np.concatenate([flat[:cut], seen_from_somewhere(example.vectors, rng)[cut:]])
    if rng.random() < 0.2:
        seen = np.ones(n, bool)
        for _ in range(rng.integers(1, 12)):
            gap = int(rng.integers(n))
            seen[gap : gap + rng.integers(1, rng.choice([5, 30]))] = False
        flat, bridged = hold(flat, seen, 7)
        present = present * bridged
    if rng.random() < 0.4:
        middle = flat.mean(axis=0)
        flat = middle + np.exp(rng.uniform(*_AMPLITUDES)) * (flat - middle)
    rests = np.flatnonzero((phase == 0) | (np.diff(phase, prepend=phase[:1]) < 0))
    if rng.random() < 0.35 and len(rests):
        at, rest = int(rng.choice(rests)), int(rng.integers(15, 150))
        flat = np.insert(flat, at, np.repeat(flat[at : at + 1], rest, axis=0), axis=0)
        present = np.insert(present, at, np.ones(rest))
        phase = np.insert(phase, at, np.zeros(rest, np.int64))
        weight = np.insert(weight, at, np.ones(rest))
    flat = flat + rng.normal(0, 1, flat.shape) * rng.choice([0, 0.01, 0.02, 0.04])
    if rng.random() < 0.3:
        drift = gaussian_filter1d(rng.normal(0, 1, flat.shape), 8, axis=0)
        flat = flat + drift / drift.std() * rng.uniform(0, 0.05)
    if rng.random() < 0.25:
        for _ in range(rng.integers(1, 3)):
            flat[:, _HIDDEN[rng.integers(len(_HIDDEN))]] = 0
    if rng.random() < 0.12:
        flat[:, _SIDES[rng.integers(2)]] = 0
    flat, present, phase, weight = flat[:length], present[:length], phase[:length], weight[:length]
    rest = length + TAIL - len(flat)
    return Example(
        vectors=np.concatenate([flat, np.repeat(flat[-1:], rest, axis=0)]),
        present=np.concatenate([present, np.zeros(rest)]),
        phase=np.concatenate([phase, np.zeros(rest, np.int64)]),
        weight=np.concatenate([weight, np.full(rest, 0.2)]),
        shape=example.shape,
    )


def seen_from_somewhere(vectors: Array, rng: np.random.Generator) -> Array:
    """Vectors (T, 10, 3) in the picture (T, FEATURES) of a camera that stands elsewhere."""
    yaw, roll = rng.normal(0, 0.3), rng.normal(0, 0.15)
    if rng.random() < 0.1:
        roll = rng.uniform(-np.pi, np.pi)
    x = vectors[..., 0] * np.cos(yaw) + vectors[..., 2] * np.sin(yaw)
    y = vectors[..., 1]
    turned = np.stack(
        [x * np.cos(roll) - y * np.sin(roll), x * np.sin(roll) + y * np.cos(roll)], -1
    )
    turned *= np.exp(rng.normal(0, 0.1, 2)) * np.exp(rng.normal(0, 0.12))
    if rng.random() < 0.5:
        turned = turned[:, MIRROR] * np.array([-1.0, 1.0])
    return turned.reshape(len(turned), FEATURES)
