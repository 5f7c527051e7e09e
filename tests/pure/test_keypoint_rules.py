"""Topology, times and places of keypoints: what is told, and what is refused."""

import keypoints
import numpy as np
import pytest

from repscore.models.skeleton import TOPOLOGIES, to_canonical, twenty_five
from repscore.transforms.keypoints.rules import scale_to_px, seconds_of, to_px, topology_of
from repscore.transforms.keypoints.span import NotKeypoints

BEGIN = 1_700_000_000.0
FRAMES = np.arange(60) / 30


@pytest.mark.parametrize(
    ("unit", "digits"), [(1.0, 6), (1e3, 0), (1e6, 0), (1e9, 0)], ids=["s", "ms", "us", "ns"]
)
@pytest.mark.parametrize("begin_s", [0.0, 5.0, BEGIN], ids=["zero", "later", "unix"])
def test_the_unit_and_the_origin_of_times_are_told(
    unit: float, digits: int, begin_s: float
) -> None:
    found = seconds_of("a", np.round((begin_s + FRAMES) * unit, digits))
    expected = FRAMES if begin_s == BEGIN else begin_s + FRAMES
    assert found == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (np.zeros(0), "found none"),
        (np.arange(30), "numbers of frames.*--fps"),
        (np.arange(30) * 3.0, "found 3 between frames"),
        (np.arange(30) * 1e13, "between frames"),
        (FRAMES - 1, "increase"),
        ((BEGIN + FRAMES).astype(np.float32), "increase"),
        (np.r_[FRAMES, BEGIN + FRAMES], "one clock"),
    ],
)
def test_other_times_are_refused_in_one_line(times: np.ndarray, words: str) -> None:
    with pytest.raises(NotKeypoints, match=words) as raised:
        seconds_of("a.npz", times)
    assert "\n" not in str(raised.value)


def test_the_chunks_of_a_stream_share_its_clock() -> None:
    assert seconds_of("a", BEGIN + FRAMES, stream=True) == pytest.approx(BEGIN + FRAMES)
    with pytest.raises(NotKeypoints, match="seconds"):
        seconds_of("a", (BEGIN + FRAMES) * 1e3, stream=True)


def test_shares_of_the_picture_become_pixels() -> None:
    places = np.stack([keypoints.body25(time_s) for time_s in FRAMES])
    assert scale_to_px("a", places, (640, 480)) is None, "pixels are pixels"
    shares = places / [640, 480]
    assert to_px(shares, scale_to_px("a", shares, (640, 480))) == pytest.approx(places)
    centred = shares * 2 - 1
    scale = scale_to_px("a", centred, (640, 480), centred=True)
    assert to_px(centred, scale) == pytest.approx(places)
    assert scale_to_px("a", np.full((3, 25, 2), np.nan), None) is None


@pytest.mark.parametrize(
    ("picture_px", "shift", "words"),
    [(None, 0.0, "--picture-size"), ((640, 480), 0.5, "metres around the hips")],
)
def test_other_places_are_refused_in_one_line(
    picture_px: tuple[int, int] | None, shift: float, words: str
) -> None:
    with pytest.raises(NotKeypoints, match=words) as raised:
        scale_to_px("a.npz", keypoints.body25(0)[None] / [640, 480] - shift, picture_px)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_every_topology_gives_the_same_joints(topology: str) -> None:
    """The neck of each is the middle of the shoulders in these figures."""
    found = to_canonical(keypoints.landmarks(topology, 0.3)[None], topology)[0]
    expected = to_canonical(keypoints.blazepose(0.3)[None], "blazepose33")[0]
    assert found == pytest.approx(expected)
    assert topology_of("a", TOPOLOGIES[topology][0], topology.upper()) == topology


@pytest.mark.parametrize("topology", ["body25", "body25b"])
@pytest.mark.parametrize("hidden", ["nothing", "face", "legs"])
def test_the_two_of_25_landmarks_are_told_apart(topology: str, hidden: str) -> None:
    joints = np.stack([keypoints.landmarks(topology, time_s) for time_s in FRAMES])
    face, legs = ([15, 16, 17, 18], [10, 11, 13, 14]) if topology == "body25" else (
        [1, 2, 3, 4], [13, 14, 15, 16],
    )  # fmt: skip
    joints[:, {"nothing": [], "face": face, "legs": legs}[hidden]] = np.nan
    assert twenty_five(joints) == topology
    assert topology_of("a", 25, None, joints) == topology


def test_17_landmarks_that_are_not_those_of_coco_are_refused() -> None:
    coco = np.stack([keypoints.landmarks("coco17", time_s) for time_s in FRAMES])
    assert topology_of("a", 17, None, coco) == "coco17"
    hip, head = coco[:, 11:13].mean(axis=1), coco[:, :1].mean(axis=1)
    legs = [coco[:, n] for n in (12, 14, 16, 11, 13, 15)]
    spine = [hip + (head - hip) * share for share in (0.3, 0.6, 0.8, 1.0)]
    arms = [coco[:, n] for n in (5, 7, 9, 6, 8, 10)]
    human36m = np.stack([hip, *legs, *spine, *arms], axis=1)
    with pytest.raises(NotKeypoints, match=r"17 landmarks of COCO.*Human3\.6M"):
        topology_of("a", 17, None, human36m)
    assert topology_of("a", 17, "COCO-17", human36m) == "coco17", "what is declared counts"
    hidden = np.where(np.arange(17)[:, None] < 5, np.nan, coco)
    assert topology_of("a", 17, None, hidden) == "coco17"
