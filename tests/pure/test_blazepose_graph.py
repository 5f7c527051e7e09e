"""The networks: what the flatbuffer holds, torch against OpenVINO, batches against singles."""

from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest
import torch

from repscore.models import weights
from repscore.models.blazepose import graph_openvino, landmarks, regions
from repscore.models.blazepose.estimator import BlazePoseEstimator
from repscore.models.blazepose.graph_openvino import OpenVinoNetwork, settle_precision
from repscore.models.blazepose.graph_torch import TorchGraph
from repscore.models.blazepose.network_torch import TorchNetwork, refine, without_segmentation
from repscore.models.blazepose.tflite import Graph, Operator, densify, read_graph
from repscore.models.estimator import EstimatorConfig
from repscore.pipelines.demo.athlete import Motion
from repscore.pipelines.demo.render import frames
from repscore.pipelines.demo.scene import Camera, Look
from repscore.transforms.pose.decode import Decoder

MODELS = [pytest.param(model, marks=pytest.mark.weights(model)) for model in weights.MODELS]


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    """Four crops: noise, and smooth blobs that look a little like something."""
    rng = np.random.default_rng(5)
    coarse = torch.tensor(rng.random((3, 3, 8, 8)) * 255)
    smooth = torch.nn.functional.interpolate(coarse, size=(256, 256), mode="bilinear")
    noise = rng.integers(0, 256, (1, 256, 256, 3), dtype=np.uint8)
    return np.concatenate([noise, smooth.permute(0, 2, 3, 1).numpy().astype(np.uint8)])


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("model", MODELS)
def test_torch_equals_openvino(model: weights.Model, crops: np.ndarray) -> None:
    files = weights.detector(), weights.landmarks(model)
    expected = OpenVinoNetwork(*files, "f32").infer_landmarks(crops)
    found = TorchNetwork(*files, "cpu").infer_landmarks(crops)
    for name in ("points", "visibility", "presence", "world_m"):
        assert relative(getattr(found, name), getattr(expected, name)) < 1e-3, name


@pytest.mark.parametrize("model", MODELS)
def test_torch_equals_openvino_on_people(model: weights.Model, shared_data: Path) -> None:
    """The middle of eight frames of a clip, the person in it."""
    clip = shared_data / "clips" / "joelo__squat2.mp4"
    crops = np.empty((8, 256, 256, 3), np.uint8)
    with Decoder(str(clip), end_s=7.5, sample_fps=1) as decoder:
        for crop, frame in zip(crops, decoder, strict=True):
            regions.crop(frame.bgr, regions.whole(frame.bgr)[0], crop, border=cv2.BORDER_REPLICATE)
    files = weights.detector(), weights.landmarks(model)
    expected = OpenVinoNetwork(*files, "f32").infer_landmarks(crops)
    found = TorchNetwork(*files, "cpu").infer_landmarks(crops)
    assert (expected.presence > 0.5).all()
    for name in ("points", "visibility", "presence", "world_m"):
        assert relative(getattr(found, name), getattr(expected, name)) < 1e-3, name


@pytest.mark.parametrize("model", MODELS)
def test_a_batch_equals_its_singles(model: weights.Model, crops: np.ndarray) -> None:
    graph = TorchGraph(without_segmentation(read_graph(weights.landmarks(model)))).eval()
    count = 64 if model != "heavy" else 8
    images = torch.from_numpy(crops).float().repeat(count // 4, 1, 1, 1) / 255
    with torch.inference_mode():
        together = graph(images)
        singles = [
            torch.cat(parts) for parts in zip(*[graph(i[None]) for i in images[:4]], strict=True)
        ]
    for batch, single in zip(together, singles, strict=True):
        assert batch.shape[0] == count
        for start in range(0, count, 4):
            assert relative(batch[start : start + 4].numpy(), single.numpy()) < 1e-3


@pytest.mark.parametrize("model", MODELS[1:2])
def test_the_detector_is_the_same_in_both(model: weights.Model) -> None:
    files = weights.detector(), weights.landmarks(model)
    images = np.random.default_rng(3).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    expected = OpenVinoNetwork(*files, "f32").infer_detector(images)
    found = TorchNetwork(*files, "cpu").infer_detector(images)
    assert [a.shape for a in found] == [(2, 2254, 12), (2, 2254)]
    for ours, theirs in zip(found, expected, strict=True):
        assert relative(ours, theirs) < 1e-3


@pytest.mark.parametrize("model", MODELS)
def test_the_segmentation_and_what_feeds_it_is_gone(model: weights.Model) -> None:
    whole = read_graph(weights.landmarks(model))
    kept = without_segmentation(whole)
    shapes = [kept.shapes[number] for number in kept.outputs]
    assert shapes == [(1, 195), (1, 1), (1, 64, 64, 39), (1, 117)]
    assert len(kept.operators) < len(whole.operators)
    assert not any(kept.shapes[o.output][1:3] == (256, 256) for o in kept.operators)


@pytest.mark.parametrize("model", MODELS[1:2])
def test_bf16_in_parts_sees_what_f32_sees(
    model: weights.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drawn athlete, every half second; a processor without bf16 computes the parts in f32."""
    monkeypatch.setattr(graph_openvino, "_capabilities", lambda: ("FP32", "BF16"))
    estimators = [BlazePoseEstimator(EstimatorConfig(model, precision=p)) for p in ("f32", "bf16")]
    apart = []
    for frame in frames(Motion("squat", 2), Look(), Camera(), fps=2.0):
        worlds = []
        for estimator in estimators:
            estimator.start()
            (world,) = estimator.track(frame, 0.0).world_m
            worlds.append(world)
        expected, found = worlds
        torso = expected[[11, 12]].mean(axis=0) - expected[[23, 24]].mean(axis=0)
        apart.append(np.linalg.norm(found - expected, axis=1) / np.linalg.norm(torso))
    assert np.median(apart) < 0.01


@pytest.mark.parametrize("model", MODELS)
def test_centred_layers_compute_the_same(model: weights.Model, crops: np.ndarray) -> None:
    core = ov.Core()
    network = core.read_model(weights.landmarks(model))
    graph_openvino._scale_pixels(network)
    linear = [n for n in network.get_ordered_ops() if graph_openvino._is_linear(n)]
    used = [output for output in network.outputs if list(output.shape) != [1, 256, 256, 1]]
    outputs = [*used, *[layer.output(0) for layer in linear]]

    def run(image: np.ndarray) -> list[np.ndarray]:
        probe = ov.Model(outputs, network.get_parameters(), "probe")
        return list(graph_openvino._compile(core, probe, "f32")([image]).values())

    images = [crop[None].astype(np.float32) for crop in crops]
    grey = np.full_like(images[0], 127.5)
    ends = len(used)
    expected, before = [run(image)[:ends] for image in images], run(grey)[ends:]
    graph_openvino._centre(core, network)
    for image, whole in zip(images, expected, strict=True):
        for found, output in zip(run(image)[:ends], whole, strict=True):
            assert relative(found, output) < 1e-3
    centred = [
        np.abs(after.mean(axis=(2, 3))).max() < 1e-3 * np.abs(response).max()
        for after, response in zip(run(grey)[ends:], before, strict=True)
    ]
    assert sum(centred) >= 15


def test_densify_follows_a_compressed_last_dimension() -> None:
    """Rows hold 2, 0 and 1 values, in columns 0 and 3, and 1."""
    segments, columns = np.array([0, 2, 2, 3]), np.array([0, 3, 1])
    dense = densify(np.array([5.0, 6.0, 7.0]), (3, 4), [0, 1], [None, (segments, columns)])
    assert dense.tolist() == [[5, 0, 0, 6], [0, 0, 0, 0], [0, 7, 0, 0]]


def test_densify_honours_the_order_of_traversal() -> None:
    """The same values, read column by column."""
    segments, rows = np.array([0, 1, 1, 3]), np.array([1, 0, 1])
    dense = densify(np.array([5.0, 6.0, 7.0]), (2, 3), [1, 0], [None, (segments, rows)])
    assert dense.tolist() == [[0, 0, 6], [5, 0, 7]]


def test_depth_to_space_takes_tensorflows_order() -> None:
    """One pixel of 4 channels becomes 2x2 pixels: first row 0 and 1, second row 2 and 3."""
    shapes = {1: (1, 2, 2, 1)}
    graph = Graph((Operator("DEPTH_TO_SPACE", (0,), 1, {"block": 2}),), 0, (1,), shapes, {})
    (out,) = TorchGraph(graph)(torch.tensor([0.0, 1, 2, 3]).reshape(1, 1, 1, 4))
    assert out.reshape(2, 2).tolist() == [[0, 1], [2, 3]]


def test_same_padding_puts_the_odd_pixel_last() -> None:
    """A 3x3 sum with stride 2 over 4x4 ones: padding is (0, 1), so corners see 9, 6, 6 and 4."""
    options = {"padding": 0, "stride_h": 2, "stride_w": 2, "activation": 0}
    constants = {1: np.ones((1, 3, 3, 1), np.float32), 2: np.zeros(1, np.float32)}
    operator = Operator("CONV_2D", (0, 1, 2), 3, options)
    graph = Graph((operator,), 0, (3,), {3: (1, 2, 2, 1)}, constants)
    (out,) = TorchGraph(graph)(torch.ones(1, 4, 4, 1))
    assert out.reshape(2, 2).tolist() == [[9, 6], [6, 4]]


def test_a_file_that_is_no_model_is_named(tmp_path) -> None:
    path = tmp_path / "notes.tflite"
    path.write_bytes(b"these are no weights")
    with pytest.raises(ValueError, match=r"notes\.tflite is not a TensorFlow Lite model"):
        read_graph(path)


def test_bf16_is_an_error_where_there_is_none() -> None:
    with pytest.raises(ValueError, match="no bfloat16 arithmetic"):
        settle_precision("bf16", ["FP32", "INT8"])
    assert settle_precision("auto", ["FP32", "INT8"]) == "f32"
    assert settle_precision("auto", ["FP32", "BF16"]) == "bf16"
    assert settle_precision("f32", ["FP32", "BF16"]) == "f32"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_is_an_error_where_there_is_none(tmp_path) -> None:
    with pytest.raises(ValueError, match="finds no CUDA device"):
        TorchNetwork(tmp_path / "a", tmp_path / "b", "cuda")


def test_refinement_is_the_same_in_torch() -> None:
    rng = np.random.default_rng(1)
    heatmap = rng.normal(-2, 3, (2, 64, 64, 39)).astype(np.float32)
    xy = rng.uniform(-0.2, 1.2, (2, 39, 2)).astype(np.float32)
    found = refine(torch.from_numpy(xy), torch.from_numpy(heatmap)).numpy()
    np.testing.assert_allclose(found, landmarks.refine(xy, heatmap), atol=1e-5)
