"""Random repetitive motion: random limbs, axes, tempos, rests, walks and fidgets, with the truth.

It keeps the phase network from learning the exercises of its videos instead of repetition itself.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from repscore.models.phases.network import RATE_HZ
from research.phases.examples import Example, augment, phases_of

Array = npt.NDArray[np.float64]

# Rows of the vectors of each limb: to its middle joint and to its end.
_LIMBS: Final = ((0, 1), (2, 3), (4, 5), (6, 7))
_TRUNK: Final = (0, 1, 2, 3, 8, 9)
_HEAD: Final = 9
_QUICKEST, _SLOWEST = 7.0, 140.0  # instants


@dataclass
class _Script:
    """When what happens, in instants."""

    course: Array  # (T, 2) how far out, of odd and even repetitions
    spans: list[tuple[float, float]] = field(default_factory=list)
    walks: list[tuple[int, int]] = field(default_factory=list)
    pauses: list[tuple[int, int]] = field(default_factory=list)


def random_motion(bodies: Array, rng: np.random.Generator, length: int) -> Example:
    """A stretch of a random exercise that starts from one of `bodies` (M, 10, 3)."""
    script = _script(rng, length)
    vectors = _perform(bodies[rng.integers(len(bodies))], script, rng)
    instants = np.arange(length, dtype=np.float64)
    weight = np.ones(length)
    for start, end in script.spans:
        if end > length:
            weight[instants >= start] = 0
    phase = phases_of(instants, tuple(script.spans))
    return augment(Example(vectors, np.ones(length), phase, weight, 0.0), rng, length)


def _script(rng: np.random.Generator, length: int) -> _Script:
    script = _Script(np.zeros((length, 2)))
    duration = float(np.exp(rng.uniform(np.log(_QUICKEST), np.log(_SLOWEST))))
    shares = rng.dirichlet([4.0, 1.0, 4.0, 1.2])  # out, hold, back, rest
    if rng.random() < 0.3:
        shares = np.array([0.5, 0.0, 0.5, 0.0])
    alternating, curve = rng.random() < 0.15, int(rng.integers(3))
    uneven, unlike = rng.uniform(0, 0.15, 2)
    slowing = 1.0 + rng.normal(0, 0.01)
    now = float(rng.choice([0.0, rng.uniform(0, 60)]))
    left = int(rng.integers(1, 40))
    while now < length:
        if left <= 0 or rng.random() < 0.03:
            pause = rng.uniform(10, 120)
            span = (int(now), int(min(length, now + pause)))
            (script.walks if rng.random() < 0.3 else script.pauses).append(span)
            now, left = now + pause, int(rng.integers(1, 25))
            if rng.random() < 0.3:
                duration = float(np.clip(duration * np.exp(rng.normal(0, 0.4)), 6.5, 150))
            continue
        parts = shares * duration * np.exp(rng.normal(0, uneven, 4))
        parts = np.maximum(parts, [2.5, 0.0, 2.5, 0.0])
        back, over = now + parts[:3].sum(), now + parts.sum()
        rows = np.arange(int(np.ceil(now)), min(length, int(np.ceil(back))))
        out_share = np.clip((rows - now) / parts[0], 0, 1)
        back_share = np.clip((rows - now - parts[0] - parts[1]) / parts[2], 0, 1)
        amount = 1.0 + rng.normal(0, unlike)
        aborted = rng.random() < 0.03
        side = len(script.spans) % 2 if alternating else 0
        way = _eased(out_share, curve) - _eased(back_share, curve)
        script.course[rows, side] += way * (0.25 * amount if aborted else amount)
        if not aborted:
            script.spans.append((now, back if over - back > 4 else over))
        now, left, duration = over, left - 1, duration * slowing
    if not alternating:
        script.course[:, 1] = script.course[:, 0]
    return script


def _eased(share: Array, curve: int) -> Array:
    if curve == 0:
        return share
    if curve == 1:
        return share**2 * (3 - 2 * share)
    return share**3 * (10 + share * (6 * share - 15))


def _perform(body: Array, script: _Script, rng: np.random.Generator) -> Array:
    """The vectors (T, 10, 3) of a body that follows a script with random limbs and axes."""
    n = len(script.course)
    vectors = np.repeat(body[None], n, axis=0)
    limbs = {limb for limb in range(5) if rng.random() < 0.45} or {int(rng.integers(5))}
    if rng.random() < 0.6:  # both sides
        limbs |= {0, 1} if limbs & {0, 1} else set()
        limbs |= {2, 3} if limbs & {2, 3} else set()
    axis = np.eye(3)[[0, 2]][rng.integers(2)] + rng.normal(0, 0.3, 3)
    near, far = rng.normal(0, 1.0, 2), rng.normal(0, 1.2, 2)
    size = float(np.exp(rng.normal(-0.1, 0.5)))
    stride = np.zeros(n)
    for begin, end in script.walks:
        rows = np.arange(begin, end)
        stride[rows] = np.sin((rows - begin) / RATE_HZ * 2 * np.pi * rng.uniform(0.7, 1.1))
    either_side = script.course.max(axis=1)
    for limb, (middle, tip) in enumerate(_LIMBS):
        kind, side = divmod(limb, 2)
        sideways = side and axis[2] ** 2 > axis[0] ** 2
        turn = axis * (np.array([1.0, -1.0, -1.0]) if sideways else 1.0)
        upper = lower = np.repeat(np.eye(3)[None], n, axis=0)
        if limb in limbs:
            upper = rotations(turn, size * near[kind] * script.course[:, side])
            lower = rotations(turn, size * far[kind] * script.course[:, side])
        if script.walks:
            swing = 0.45 * stride * (1.0 if limb in (0, 3) else -1.0) * (1.0 if kind else 0.6)
            upper = upper @ rotations(np.array([1.0, 0.0, 0.0]), swing)
        first, second = vectors[:, middle].copy(), vectors[:, tip] - vectors[:, middle]
        vectors[:, middle] = _applied(upper, first)
        vectors[:, tip] = vectors[:, middle] + _applied(upper @ lower, second)
    if 4 in limbs:
        lean = np.array([1.0, 0.0, 0.0]) + rng.normal(0, 0.3, 3)
        matrices = rotations(lean, size * rng.normal(0, 0.7) * either_side)
        for row in _TRUNK:
            vectors[:, row] = _applied(matrices, vectors[:, row])
    if rng.random() < 0.15:
        nod = np.array([1.0, 0.0, 0.0]) + rng.normal(0, 0.5, 3)
        matrices = rotations(nod, rng.uniform(0.4, 0.9) * either_side)
        vectors[:, _HEAD] = _applied(matrices, vectors[:, _HEAD])
    return _fidgeting(vectors, script, rng)


def _fidgeting(vectors: Array, script: _Script, rng: np.random.Generator) -> Array:
    """Sway all the time, and in some pauses aimless movements of some joints."""
    sway = gaussian_filter1d(rng.normal(0, 1, vectors.shape), rng.uniform(8, 25), axis=0)
    vectors = vectors + sway / (sway.std() + 1e-9) * rng.uniform(0, 0.05)
    for begin, end in script.pauses:
        if rng.random() > 0.6 or end - begin <= 12:
            continue
        rows = np.arange(begin, end)
        noise = rng.normal(0, 1, (len(rows), *vectors.shape[1:]))
        aimless = gaussian_filter1d(noise, rng.uniform(5, 15), axis=0)
        rise = np.sin(np.pi * (rows - begin) / (end - begin))[:, None, None]
        joints = np.less(rng.random(vectors.shape[1]), 0.4)[None, :, None]
        vectors[rows] += aimless / (aimless.std() + 1e-9) * rise * joints * rng.uniform(0.05, 0.4)
    return vectors


def rotations(axis: Array, angles_rad: Array) -> Array:
    """Rotations (T, 3, 3) about an axis (3,) by angles (T,): Rodrigues' formula."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    sine, cosine = np.sin(angles_rad)[:, None, None], np.cos(angles_rad)[:, None, None]
    matrices: Array = np.eye(3) + sine * cross + (1 - cosine) * (cross @ cross)
    return matrices


def _applied(matrices: Array, vectors: Array) -> Array:
    return np.asarray(np.einsum("nij,nj->ni", matrices, vectors))
