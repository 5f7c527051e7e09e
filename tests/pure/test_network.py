"""The scorer network: what it sees, its symmetry, and how it is trained."""

import numpy as np
import pytest
import torch
from executions import curl, from_the_other_side, perform, squat, without_depth
from training_data import person

from repscore.models.scorer import network
from repscore.models.scorer.examples import TrainingSet, mirrored
from repscore.models.scorer.learned import outputs_of
from repscore.models.scorer.network import (
    NONE,
    NetworkConfig,
    ScorerNetwork,
    Targets,
    naming_loss,
    shrink,
    train,
)
from repscore.models.scorer.sequences import sequences_of


@pytest.mark.parametrize("fps", [20.0, 60.0])
def test_the_frame_rate_hardly_changes_a_sequence(fps: float) -> None:
    both = sequences_of([perform(squat(), fps=30.0), perform(squat(), fps=fps)])
    assert np.abs(both.joints[0] - both.joints[1]).max() < 0.06
    assert (both.joints[..., 3].sum(axis=1) > 0).all()


def test_a_picture_has_no_depth() -> None:
    joints = sequences_of([without_depth(perform(squat()))]).joints
    assert not joints[..., 2].any()
    assert joints[..., 3].all()


def test_the_network_is_small_and_does_not_know_the_side() -> None:
    torch.manual_seed(0)
    model = ScorerNetwork(2, 1, NetworkConfig()).eval()
    assert sum(each.numel() for each in model.parameters()) < 200_000
    one = perform(curl(right_deg=130, left_deg=20))
    both = sequences_of([one, from_the_other_side(one)])
    found = outputs_of(model, both, mirrored=[1, 0])
    assert found.logit[0] == pytest.approx(found.logit[1], abs=1e-5)
    np.testing.assert_allclose(found.probabilities[0], found.probabilities[1][::-1], atol=1e-5)


def test_training_learns_and_its_seed_decides() -> None:
    data = TrainingSet([each for number in range(4) for each in person(number)])
    targets = Targets(data.exercise, data.correct)
    recipe = NetworkConfig(width=16, embedding=16, epochs=30, batch=8, dropout=0.0)
    first, again = (train(data.sequences, targets, data.mirrored, recipe, seed=1) for _ in range(2))
    found = outputs_of(first, data.sequences, data.mirrored)
    assert (found.probabilities.argmax(axis=1) == data.exercise).all()
    good = data.correct == 1
    assert found.logit[good].mean() > found.logit[data.correct == 0].mean()
    for one, other in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_is_none_of_the_classes_wants_them_alike() -> None:
    logits = torch.tensor([[2.0, 0.0, -1.0], [0.0, 0.0, 3.0]], requires_grad=True)
    none = torch.tensor([NONE])
    even = torch.zeros(1, 3)
    assert naming_loss(even, none) < naming_loss(logits[:1], none)
    both = naming_loss(logits, torch.tensor([0, NONE]))
    each = [naming_loss(logits[:1], torch.tensor([0])), naming_loss(logits[1:], none)]
    assert both.item() == pytest.approx(sum(one.item() for one in each) / 2)
    (slope,) = torch.autograd.grad(naming_loss(logits[1:], none), logits)
    assert torch.allclose(slope[1], logits[1].softmax(dim=0) - 1 / 3)


def test_the_mirror_image_of_none_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[int] = []

    def spy(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        shown.extend(label.tolist())
        return naming_loss(logits, label)

    monkeypatch.setattr(network, "naming_loss", spy)
    sequences = sequences_of([perform(squat(), seed=n) for n in range(4)])
    exercise = np.array([0, NONE, NONE, 1])
    train(sequences, Targets(exercise, np.full(4, np.nan, np.float32)), [1, 0],
          NetworkConfig(epochs=8), seed=0)  # fmt: skip
    assert sorted(set(shown)) == [NONE, 0, 1]
    assert shown.count(NONE) == 16


def test_a_smaller_movement_keeps_the_bones_and_where_it_begins() -> None:
    joints = torch.from_numpy(sequences_of([perform(squat())] * 64).joints)
    smaller, changed = shrink(joints, 1.0, torch.Generator().manual_seed(0))
    assert torch.allclose(smaller[:, 0], joints[:, 0], atol=1e-5)
    thighs = [(each[:, :, 10, :3] - each[:, :, 9, :3]).norm(dim=-1) for each in (joints, smaller)]
    assert torch.allclose(*thighs, atol=1e-3)
    depth = [each[:, :, 10, :3].sub(each[:, :1, 10, :3]).norm(dim=-1).amax(dim=1)
             for each in (joints, smaller)]  # fmt: skip
    assert (depth[1] < 0.95 * depth[0])[changed].float().mean() > 0.8
    assert 0.5 < changed.float().mean() < 0.9
    same, none = shrink(joints, 0.0, torch.Generator())
    assert torch.equal(same, joints)
    assert not none.any()


def test_what_one_person_repeats_counts_by_its_square_root() -> None:
    correct = np.array([1, 1, 1, 1, 1, 0, np.nan], np.float32)
    weights = Targets(np.zeros(7, np.int64), correct, np.array(list("aaaabcc"))).weights()
    assert weights[correct == 1].sum() == pytest.approx(weights[correct == 0].sum())
    assert weights[:4].sum() == pytest.approx(2 * weights[4])
    assert weights[6] == 0


def test_left_and_right_change_places_in_names() -> None:
    assert mirrored("elbow_flexion_left") == "elbow_flexion_right"
    assert mirrored("squat") == "squat"
