"""OpenPose's documents: what they say, and what is refused."""

import json

import numpy as np
import pytest

from repscore.models.openpose import NotOpenPose, parse


def person(landmarks: int, confidence: float = 0.9) -> list[float]:
    """Joint i lies at (10 i, 20 i)."""
    return [number for i in range(landmarks) for number in (10.0 * i, 20.0 * i, confidence)]


def document(*people: list[float], key: str = "pose_keypoints_2d") -> bytes:
    return json.dumps({"version": 1.3, "people": [{key: one} for one in people]}).encode()


@pytest.mark.parametrize(("landmarks", "topology"), [(25, "body25"), (18, "coco18")])
def test_the_topology_follows_from_the_number_of_keypoints(landmarks: int, topology: str) -> None:
    found = parse(document(person(landmarks), person(landmarks)))
    assert found.topology == topology
    assert found.joints.shape == (2, landmarks, 2)
    assert found.joints[1, 3].tolist() == [30, 60]
    assert found.confidence == pytest.approx(np.full((2, landmarks), 0.9))


def test_a_joint_without_confidence_is_not_seen() -> None:
    numbers = person(25)
    numbers[9:12] = [0.0, 0.0, 0.0]
    numbers[12:15] = [float("nan"), 1.0, 0.5]
    found = parse(document(numbers))
    assert np.flatnonzero(np.isnan(found.joints[0, :, 0])).tolist() == [3, 4]
    assert np.flatnonzero(found.confidence[0] == 0).tolist() == [3, 4]


def test_nobody() -> None:
    for empty in (document(), document([]), document(person(25, confidence=0))):
        assert len(parse(empty).joints) == 0
    assert parse(document()).topology is None
    assert len(parse(document(person(25), person(25, 0), [])).joints) == 1


def test_the_key_of_old_versions() -> None:
    assert parse(document(person(18), key="pose_keypoints")).topology == "coco18"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"", "an empty file"),
        (b"\x00\xff\x12", "3 bytes"),
        (document(person(25))[:200], "200 bytes"),
        (b"[" * 100_000, "100000 bytes"),
        (b"[1, 2]", "without it"),
        (b'{"people": {}}', "without it"),
        (b'{"people": [7]}', "a person without"),
        (b'{"people": [{"hand_left_keypoints_2d": []}]}', "a person without"),
        (b'{"people": [{"pose_keypoints_2d": ["a", "b", "c"]}]}', "something else"),
        (b'{"people": [{"pose_keypoints_2d": [[1, 2, 3]]}]}', "something else"),
        (document(person(16)), "16"),
        (document([1.0, 2.0]), "0.66"),
        (document(person(25), person(18)), "18 and 25"),
    ],
)
def test_what_is_no_document_is_refused_with_what_was_found(text: bytes, found: str) -> None:
    with pytest.raises(NotOpenPose, match="expected") as raised:
        parse(text)
    assert found in str(raised.value)


def test_a_number_beyond_all_bounds_is_no_joint() -> None:
    for number in (b"1" + b"0" * 400, b"1e39", b"1e999"):
        text = document(person(25)).replace(b"10.0", number)
        assert np.isnan(parse(text).joints[0, 1]).all()
