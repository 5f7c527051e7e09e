"""Counting beside the baselines, and what makes RepCount's boxed landmarks a body again."""

from pathlib import Path

import fakes
import numpy as np
import pytest

from repscore.models.phases import network
from repscore.models.phases.metrics import counting_figures
from repscore.pipelines.labels import LabelledInput
from repscore.transforms.score.sets import doubt
from research import repcount, train_phases
from research.count_intervals import Counted, fit
from research.counting import OURS, compare
from research.layout import name_of, read_image_poses, write_labels
from research.marks import mark_distances_s, read_marks
from research.phases.folds import fold_networks
from research.phases.split import kept_apart
from research.repcount import poses_of, rectify


def raiser(count: int, rate_hz: float = 30.0) -> np.ndarray:
    """Landmarks (N, 33, 3) of `count` arm raises of 2 s each."""
    estimator, frame = fakes.ArmRaiser(), np.zeros((2, 2, 3), np.uint8)
    times = np.arange(round(2 * count * rate_hz)) / rate_hz
    return np.concatenate([estimator.track(frame, float(time_s)).image_px for time_s in times])


def boxed(landmarks: np.ndarray) -> np.ndarray:
    low, high = landmarks.min(axis=1, keepdims=True), landmarks.max(axis=1, keepdims=True)
    return np.asarray((landmarks - low) / np.maximum(high - low, 1e-6), np.float32)


def test_the_bones_keep_their_lengths_again() -> None:
    body = rectify(boxed(raiser(3)))
    for one, other in ((11, 13), (12, 14), (23, 25)):
        length = np.linalg.norm(body[:, one] - body[:, other], axis=-1)
        assert length.std() / length.mean() < 0.1
    squeezed = boxed(raiser(3))
    before = np.linalg.norm(squeezed[:, 11] - squeezed[:, 13], axis=-1)
    assert before.std() / before.mean() > 0.1, "the box changes with the arms"


def test_frames_of_zeros_are_frames_without_a_person() -> None:
    landmarks = boxed(raiser(2))
    landmarks[10:20] = 0
    poses = poses_of(landmarks)
    assert np.isnan(poses.image_px[10:20]).all()
    assert not poses.visibility[10:20].any()
    assert np.isfinite(poses.image_px[20:]).all()


@pytest.fixture
def converted(tmp_path: Path) -> Path:
    """Eight arm raises with boundaries and the same without, as RepCount and Countix give them."""
    frames = boxed(raiser(8))
    np.savez(tmp_path / repcount.POSES, bounded=frames, counted=frames)
    bounds = " ".join(f"{60 * k}-{60 * k + 60}" for k in range(8))
    (tmp_path / repcount.ANNOTATIONS).write_text(
        f"video,exercise,count,start_end_frames\nbounded,raise,8,{bounds}\ncounted,raise,8,\n"
    )
    target = tmp_path / "converted"
    target.mkdir()
    write_labels(target, repcount.convert(tmp_path, target))
    return target


def test_a_converted_video_keeps_its_poses_and_its_truth(converted: Path) -> None:
    (bounded, poses), (counted, _) = read_image_poses(converted)
    assert [name_of(bounded), name_of(counted)] == ["bounded", "counted"]
    assert (bounded.exercise, bounded.count, counted.count) == ("raise", 8, 8)
    assert [each.start_s for each in bounded.repetitions] == [2.0 * k for k in range(8)]
    assert not counted.repetitions
    assert np.array_equal(poses.image_px, poses_of(boxed(raiser(8))).image_px)


def test_arm_raises_are_counted_beside_the_baselines(converted: Path) -> None:
    results = compare(read_image_poses(converted), {})
    for method, pair in results.items():
        assert all(abs(result.error) <= 1 for result in pair), method
    both, bounded = (counting_figures(results[OURS][:n], interval=False) for n in (2, 1))
    assert both.f1 == bounded.f1, "a video without boundaries changes nothing"


def test_a_third_of_each_exercise_is_kept_apart_whatever_the_order() -> None:
    videos = [
        LabelledInput(f"{exercise}{number}.keypoints.npz", exercise, 1, (), None)
        for exercise in ("squat", "row")
        for number in range(6)
    ]
    apart = kept_apart(videos)
    assert sorted(name[:-1] for name in apart) == ["row", "row", "squat", "squat"]
    assert kept_apart(videos[::-1]) == apart


def test_the_factors_of_the_interval_hold_the_share_they_are_fitted_for() -> None:
    rng = np.random.default_rng(0)
    videos = [
        Counted(int(max(1, 12 + rng.integers(-3, 5))), tuple(rng.uniform(0.4, 1, 12)))
        for _ in range(400)
    ]
    many, few = fit(videos)
    held = [
        12 - many * doubt(video.confidences) <= video.truth <= 12 + few * doubt(video.confidences)
        for video in videos
    ]
    assert 0.9 <= np.mean(held) < 0.96


def test_marks_are_compared_with_the_nearest_boundary(tmp_path: Path) -> None:
    path = tmp_path / "clip.csv"
    path.write_text("frame,time,label\n0,0.0,0\n1,0.5,1.0\n2,1.0,0.0\n")
    assert read_marks(path) == [0.5]
    assert mark_distances_s([0.5], ((0.0, 0.4), (0.7, 1.0))) == [pytest.approx(0.1)]


def test_training_writes_networks_and_a_card(
    converted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_phases, "ROUNDS", [(2, crops) for _, crops in train_phases.ROUNDS])
    monkeypatch.setattr(train_phases, "FOLDS", 2)
    irds = tmp_path / "irds"
    irds.mkdir()
    names = ("Head", "SpineShoulder", "SpineBase") + tuple(
        f"{joint}{side}"
        for joint in ("Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle")
        for side in ("Left", "Right")
    )
    place = np.random.default_rng(0).normal(0, 0.3, (len(names), 3))
    move = (
        np.sin(np.arange(60) / 59 * np.pi)[:, None, None] * np.linspace(0, 0.5, len(names))[:, None]
    )
    np.savez(irds / "skeletons.npz", xyz=place + move, joints=np.array(names))
    (irds / "index.csv").write_text("subject,gesture,correctness,frames,offset\n101,0,1,60,0\n")
    output = tmp_path / "trained"
    train_phases.main([str(converted), str(irds), "--output", str(output)])
    trained, shipped = network.read(output / "phases.safetensors"), network.shipped()
    assert {name: w.shape for name, w in trained.weights.items()} == {
        name: w.shape for name, w in shipped.weights.items()
    }
    assert sorted(fold_networks(output / "folds.safetensors")) == ["bounded", "counted"]
    assert "2 videos of RepCount-pose" in (output / "CARD.md").read_text()
