"""The phase network: the stream computes what the module learns, and cycles are read off phases."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repscore.models.phases import network
from repscore.models.phases.network import FEATURES, HOP, LOOKAHEAD, PHASE_CLASSES, PhaseNetwork
from repscore.transforms.repetitions import segment
from repscore.transforms.repetitions.motion import hold_unknown
from repscore.transforms.repetitions.segment import Cycle, find_cycles
from research.phases.examples import CropConfig, MotionSequence, crop, hold, phases_of
from research.phases.folds import fold_networks
from research.phases.module import PhaseModule
from research.phases.random_motion import random_motion
from research.phases.train import train


def test_the_stream_computes_what_the_module_does() -> None:
    torch.manual_seed(0)
    module = PhaseModule(8).eval()
    vectors, present = wandering(8 * HOP)
    with torch.no_grad():
        inputs = torch.tensor(vectors)[None], torch.tensor(present)[None, :, None]
        expected = torch.log_softmax(module(*inputs, torch.ones(1, 1, 1)), -1)[0].numpy()
    known = streamed(PhaseNetwork.of([module.weights()]), vectors, present)[LOOKAHEAD:]
    assert np.allclose(known, expected[: len(known)], atol=1e-4)


def test_several_members_give_the_mean_of_their_probabilities() -> None:
    torch.manual_seed(1)
    members = [PhaseModule(8).weights() for _ in range(3)]
    vectors, present = wandering(8 * HOP)
    single = [streamed(PhaseNetwork.of([member]), vectors, present) for member in members]
    mean = streamed(PhaseNetwork.of(members), vectors, present)
    assert not np.allclose(single[0], single[1], atol=1e-2)
    assert np.allclose(np.exp(mean), np.exp(single).mean(axis=0), atol=1e-6)


def test_members_that_contradict_each_other_give_finite_numbers() -> None:
    torch.manual_seed(2)
    phases = PhaseNetwork.of([PhaseModule(8).weights() for _ in range(2)])
    vectors, present = wandering(8 * HOP)
    assert np.isfinite(streamed(phases, 1e5 * vectors, present)).all()


def wandering(length: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of a body that drifts about, and whether it is seen."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(0, 1, (length, FEATURES)).cumsum(axis=0).astype(np.float32) / 10
    return vectors, (rng.random(length) > 0.1).astype(np.float32)


def streamed(phases: PhaseNetwork, vectors: np.ndarray, present: np.ndarray) -> np.ndarray:
    """The network's output, hop by hop."""
    memory, outputs = phases.start(vectors[0]), []
    for begin in range(0, len(vectors), HOP):
        memory, output = phases.step(memory, vectors[begin : begin + HOP], present[begin:][:HOP])
        outputs.append(output)
    return np.concatenate(outputs)


def test_every_network_loads() -> None:
    shipped = network.shipped()
    assert len(fold_networks()) == 108
    for fold in fold_networks().values():
        assert (fold.width, fold.members) == (shipped.width, shipped.members)


def test_phases_are_equal_parts_of_the_duration() -> None:
    phase = phases_of(np.arange(0, 12, 0.5), ((2.0, 6.0),))
    assert phase.tolist() == [0] * 4 + list(range(1, 9)) + [0] * 12


def test_short_gaps_are_bridged_and_long_ones_held() -> None:
    values = np.arange(10.0)[:, None]
    seen = np.array([1, 0, 1, 1, 0, 0, 0, 0, 1, 1], bool)
    filled, present = hold(values, seen, 2)
    assert filled[:, 0].tolist() == [0, 1, 2, 3, 3, 3, 3, 3, 8, 9]
    assert present.tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 1, 1]


def test_what_is_unseen_stays_where_it_was() -> None:
    vectors = np.array([[np.nan, 1.0], [2.0, np.nan], [np.nan, np.nan], [3.0, 4.0]], np.float32)
    filled, present = hold_unknown(vectors, np.zeros((0, 2), np.float32))
    assert filled.tolist() == [[2, 1], [2, 1], [2, 1], [3, 4]]
    assert present.tolist() == [1, 1, 0, 1]
    filled, _ = hold_unknown(vectors, np.array([[7.0, 8.0]], np.float32))
    assert filled[0].tolist() == [7, 1]


def log_probabilities(length: int, *cycles: tuple[int, int], sure: float = 0.9) -> np.ndarray:
    """The output of a network that sees these cycles."""
    spans = tuple((float(start), float(end)) for start, end in cycles)
    phase = phases_of(np.arange(length, dtype=np.float64), spans)
    chance = np.full((length, 1 + PHASE_CLASSES), (1 - sure) / PHASE_CLASSES)
    chance[np.arange(length), phase] = sure
    return np.log(chance)


def test_cycles_are_read_off_phases() -> None:
    cycles = (Cycle(10, 42), Cycle(42, 74), Cycle(100, 148))
    spans = [(cycle.start, cycle.end) for cycle in cycles]
    assert find_cycles(log_probabilities(200, *spans), None) == cycles


def test_idle_holds_no_cycles() -> None:
    assert find_cycles(log_probabilities(200), None) == ()
    assert find_cycles(log_probabilities(0), None) == ()


def test_a_set_must_be_earned_and_a_neighbour_is_expected() -> None:
    """A cycle of eight unsure instants is nothing by itself, but something after its like."""
    weak = log_probabilities(60)
    weak[20:28] = log_probabilities(60, (20, 28), sure=0.14)[20:28]
    assert find_cycles(weak, None) == ()
    assert find_cycles(weak[20:], 8) == (Cycle(0, 8),)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(8, 60)), min_size=1, max_size=5))
def test_cycles_of_any_tempo_are_found(plan: list[tuple[int, int]]) -> None:
    spans, now = [], 5
    for rest, length in plan:
        spans.append((now + rest, now + rest + length))
        now += rest + length
    cycles = find_cycles(log_probabilities(now + 10, *spans), None)
    assert len(cycles) == len(spans)
    for cycle, (start, end) in zip(cycles, spans, strict=True):
        assert abs(cycle.start - start) <= 2
        assert abs(cycle.end - end) <= 2


def test_confidence_is_the_mean_probability_of_the_phases() -> None:
    assert segment.confidence(log_probabilities(64, (0, 64))) == pytest.approx(0.9 + 2 * 0.1 / 8)


def test_examples_have_one_shape_and_training_repeats_itself() -> None:
    rng = np.random.default_rng(1)
    course = np.sin(np.arange(300) / 30 * np.pi)[:, None, None] * np.ones((1, 10, 3))
    spans = tuple((2.0 * k, 2.0 * k + 2) for k in range(5))
    sequence = MotionSequence(course, np.ones(300), 30.0, spans)
    long, short = (crop(sequence, rng, 100, CropConfig(0.5, 0.5, share)) for share in (0.0, 1.0))
    for example in (long, short, random_motion(course, rng, 100)):
        assert example.vectors.shape == (160, FEATURES)
        assert example.phase.shape == example.weight.shape == example.present.shape == (160,)
        assert set(example.phase) <= set(range(PHASE_CLASSES + 1))
    first, second = (
        train(
            [(0.5, [sequence]), (0.2, [sequence])], steps=4, seed=3, crops=CropConfig(0.1, 0.0, 0.3)
        )
        for _ in range(2)
    )
    assert all(np.array_equal(first[name], second[name]) for name in first)
