"""The tracker on a world of puppets: figures of known place whom a fake network sees exactly."""

from collections.abc import Mapping

import cv2
import numpy as np
import pytest

from repscore.models.blazepose import detector, regions
from repscore.models.blazepose.estimator import BlazePoseEstimator
from repscore.models.blazepose.network import CropLandmarks, FloatArray, HostCrops
from repscore.models.blazepose.tracker import Stream, TrackerConfig, step
from repscore.models.estimator import EstimatorConfig, People

WIDTH, HEIGHT, REACH = 640, 480, 80.0  # REACH: from a puppet's hips to its full-body point
RED, BLUE = (220, 30, 30), (30, 30, 220)


def frame(*puppets: tuple[float, float, tuple[int, int, int]]) -> np.ndarray:
    """BGR, black, with a coloured square of 40 pixels around the hips (x, y) of every puppet."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for x, y, colour in puppets:
        cv2.rectangle(
            image, (int(x) - 20, int(y) - 20), (int(x) + 19, int(y) + 19), colour[::-1], -1
        )
    return image


class PuppetNetwork(HostCrops):
    """Sees coloured squares: the detector all of them, the landmarks the one nearest the middle."""

    identity: Mapping[str, str] = {"runtime": "puppets"}

    def __init__(self) -> None:
        self.detector_images = self.landmark_crops = 0

    def infer_detector(self, images: np.ndarray) -> tuple[FloatArray, FloatArray]:
        self.detector_images += len(images)
        boxes = np.zeros((len(images), 2254, 12), np.float32)
        scores = np.full((len(images), 2254), -50.0, np.float32)
        anchors = detector.anchors()
        for b, image in enumerate(images):
            for x, y in centres(image):
                free = np.flatnonzero(scores[b] < 0)
                gaps = np.abs(anchors[free] * 224 - (x, y)).sum(axis=1)
                anchor = free[gaps.argmin()]
                at = np.array([x, y]) - anchors[anchor] * 224
                boxes[b, anchor, :2], boxes[b, anchor, 2:4] = at, 20
                boxes[b, anchor, 4:6] = at
                boxes[b, anchor, 6:8] = at - (0, REACH * 224 / max(WIDTH, HEIGHT))
                scores[b, anchor] = 5.0
        return boxes, scores

    def infer_landmarks(self, crops: np.ndarray) -> CropLandmarks:
        self.landmark_crops += len(crops)
        points = np.zeros((len(crops), 39, 3), np.float32)
        presence = np.zeros(len(crops), np.float32)
        for b, crop in enumerate(crops):
            found = centres(crop)
            if len(found):
                x, y = found[np.abs(found - 128).sum(axis=1).argmin()] / 256
                points[b, :, :2] = x, y
                side = 40 / 200  # the square's side in crops of 2.5 * REACH pixels
                points[b, [11, 12, 23, 24], :2] += side / 2.5 * CORNERS
                points[b, 34, 1] -= 1 / 2.5
                presence[b] = 0.9
        ones = np.ones((len(crops), 39), np.float32)
        return CropLandmarks(points, ones, presence, np.zeros_like(points))


CORNERS = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], np.float32)


def centres(image: np.ndarray) -> np.ndarray:
    """Centres (K, 2) of the squares in an image, cut apart by colour."""
    found = []
    for channel in (0, 2):
        mask = (image[..., channel] > 120).astype(np.uint8)
        count, _, stats, middle = cv2.connectedComponentsWithStats(mask)
        found += [middle[i] + 0.5 for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] > 9]
    return np.array(found).reshape(-1, 2)


def run(
    frames: list[np.ndarray], config: TrackerConfig, step_s: float = 0.1
) -> tuple[list[People], PuppetNetwork]:
    network, stream, seen = PuppetNetwork(), Stream(), []
    for i, picture in enumerate(frames):
        (stream,), (people,) = step([stream], [picture], [i * step_s], network, config)
        seen.append(people)
    return seen, network


def hip_x(people: People) -> dict[int, float]:
    """Identity -> x of the hips, the middle of landmarks 23 and 24."""
    middle = people.image_px[:, [23, 24], 0].mean(axis=1)
    return {int(person): float(x) for person, x in zip(people.person, middle, strict=True)}


def test_one_person_is_followed_without_the_detector() -> None:
    frames = [frame((100 + 8 * i, 240, RED)) for i in range(20)]
    people, network = run(frames, TrackerConfig())
    assert [hip_x(p)[0] for p in people] == pytest.approx([100 + 8 * i for i in range(20)], abs=1)
    assert (network.detector_images, network.landmark_crops) == (1, 20)


def test_an_empty_stream_has_nobody_and_asks_the_detector_alone() -> None:
    people, network = run([frame()] * 4, TrackerConfig())
    assert all(len(p.person) == 0 and p.image_px.shape == (0, 33, 3) for p in people)
    assert (network.detector_images, network.landmark_crops) == (4, 0)


def test_who_left_is_found_again_in_the_next_frame() -> None:
    frames = [frame((100, 240, RED)), frame((560, 240, RED)), frame((560, 240, RED))]
    people, network = run(frames, TrackerConfig())
    assert [len(p.person) for p in people] == [1, 0, 1]
    assert network.detector_images == 2


def test_with_one_person_the_identity_is_always_zero() -> None:
    frames = [frame((100, 240, RED)), *[frame()] * 100, frame((500, 240, BLUE))]
    people, _ = run(frames, TrackerConfig())
    assert people[-1].person.tolist() == [0]


def test_identities_survive_a_crossing() -> None:
    """Red walks right, blue walks left, 12 pixels a frame; they pass each other in the middle."""
    frames = [frame((140 + 12 * i, 240, RED), (500 - 12 * i, 244, BLUE)) for i in range(30)]
    people, _ = run(frames, TrackerConfig(people=2))
    first, last = hip_x(people[0]), hip_x(people[-1])
    red = min(first, key=lambda person: first[person])
    assert last[red] == pytest.approx(140 + 12 * 29, abs=2)
    assert set(last) == set(first)


def test_clothes_tell_people_apart_who_come_back_on_the_other_side() -> None:
    """Red left and blue right are out of sight for a second and come back with sides changed."""
    before = [frame((280, 240, RED), (380, 240, BLUE))] * 5
    after = [frame((380, 240, RED), (280, 240, BLUE))] * 5
    people, _ = run([*before, *[frame()] * 10, *after], TrackerConfig(people=2))
    first, last = hip_x(people[0]), hip_x(people[-1])
    red, blue = sorted(first, key=lambda person: first[person])
    assert last == pytest.approx({red: 380, blue: 280}, abs=2)


def test_a_short_absence_keeps_the_identity_a_long_one_does_not() -> None:
    def absent(count: int) -> list[int]:
        two = frame((150, 240, RED), (450, 240, BLUE))
        frames = [two, two, *[frame((450, 240, BLUE))] * count, *[two] * 12]
        people, _ = run(frames, TrackerConfig(people=2, remember_s=3.0))
        return [sorted(p.person.tolist()) for p in people][-1]

    assert absent(10) == [0, 1]
    after = absent(60)
    assert len(after) == 2
    assert max(after) == 2


def test_no_more_people_than_asked_for() -> None:
    crowd = frame((100, 240, RED), (300, 240, BLUE), (500, 240, RED))
    people, _ = run([crowd] * 5, TrackerConfig(people=2, rivals=0))
    assert all(len(p.person) == 2 for p in people)


def test_rivals_are_followed_so_that_the_choice_can_wait() -> None:
    crowd = frame((100, 240, RED), (300, 240, BLUE), (500, 240, RED))
    people, _ = run([crowd] * 5, TrackerConfig(people=1, rivals=1))
    assert all(p.person.tolist() == [0, 1] for p in people)


def test_a_rival_who_enters_is_found_when_the_detector_looks_around() -> None:
    one, two = frame((100, 240, RED)), frame((100, 240, RED), (400, 240, BLUE))
    people, network = run([one] * 5 + [two] * 30, TrackerConfig(look_around_s=2.0))
    assert [len(p.person) for p in people] == [1] * 20 + [2] * 15  # at 2.0 s
    assert network.detector_images == 2


def test_somebody_alone_keeps_the_identity_in_company_they_get_their_own() -> None:
    """Red is away for 5 s and comes back elsewhere; later blue joins, and stays when red goes."""
    red, both = frame((100, 240, RED)), frame((500, 240, RED), (200, 240, BLUE))
    frames = [red, *[frame()] * 50, *[both] * 3, *[frame((200, 240, BLUE))] * 3]
    people, _ = run(frames, TrackerConfig())
    first, last = hip_x(people[52]), hip_x(people[-1])
    blue = min(first, key=lambda person: first[person])
    assert len(first) == 2
    assert last == pytest.approx({blue: 200}, abs=2)


def test_who_leaves_company_is_looked_for_often() -> None:
    both, one = frame((150, 240, RED), (450, 240, BLUE)), frame((450, 240, BLUE))
    people, network = run([both] * 3 + [one] * 9 + [both] * 5, TrackerConfig(look_back_s=0.5))
    # The detector looks at 0, 0.5, 1.0 and 1.5 s; red was away from 0.3 to 1.1 s.
    assert [len(p.person) for p in people] == [2] * 3 + [1] * 12 + [2] * 2
    assert people[-1].person.tolist() == [0, 1]
    assert network.detector_images == 4


def test_a_free_place_is_looked_at_again_now_and_then() -> None:
    people, network = run([frame((100, 240, RED))] * 21, TrackerConfig(people=2, look_again_s=1.0))
    assert network.detector_images == 3  # at 0, 1 and 2 seconds
    assert all(p.person.tolist() == [0] for p in people)


def test_streams_fare_alike_alone_and_in_company() -> None:
    clips = [
        [frame((100 + 8 * i, 240, RED)) for i in range(12)],
        [frame()] * 5 + [frame((400, 200, BLUE))] * 7,
        [frame((300, 240, RED), (500, 240, BLUE))] * 12,
    ]
    config = TrackerConfig(people=2)
    alone = [run(clip, config)[0] for clip in clips]
    network, streams = PuppetNetwork(), [Stream() for _ in clips]
    for i in range(12):
        shown = [clip[i] for clip in clips]
        streams, together = step(streams, shown, [i * 0.1] * 3, network, config)
        for people, expected in zip(together, (clip[i] for clip in alone), strict=True):
            assert people.person.tolist() == expected.person.tolist()
            np.testing.assert_allclose(people.image_px, expected.image_px)


def test_smoothing_changes_what_is_shown_not_what_is_followed() -> None:
    frames = [frame((100 + 8 * (i % 3), 240, RED)) for i in range(12)]
    plain, plain_network = run(frames, TrackerConfig())
    smooth, smooth_network = run(frames, TrackerConfig(smoothing=True))
    spread = [np.std([hip_x(p)[0] for p in people]) for people in (plain, smooth)]
    assert spread[1] < spread[0]
    assert plain_network.landmark_crops == smooth_network.landmark_crops


def test_identity_tells_what_decides_the_results() -> None:
    one, two = (
        BlazePoseEstimator(EstimatorConfig(people=people), network=PuppetNetwork())
        for people in (1, 2)
    )
    smooth = BlazePoseEstimator(network=PuppetNetwork(), smoothing=True)
    assert one.identity["runtime"] == "puppets"
    assert one.identity != two.identity
    assert one.identity != smooth.identity


def test_the_identity_is_known_before_a_model_is_loaded() -> None:
    config = EstimatorConfig(precision="f32")
    assert BlazePoseEstimator(config).identity == BlazePoseEstimator.identity_of(config)
    cuda = BlazePoseEstimator.identity_of(EstimatorConfig(device="cuda"))
    assert (cuda["precision"], cuda["runtime"].split()[::2]) == ("f16", ["torch", "cuda"])


def test_impossible_configurations_are_refused() -> None:
    with pytest.raises(ValueError, match="people must be 1 or more"):
        EstimatorConfig(people=0)


def test_track_before_start_is_an_error() -> None:
    estimator = BlazePoseEstimator()
    with pytest.raises(RuntimeError, match="call start"):
        estimator.track(frame(), 0.0)


def test_the_region_of_a_frame_holds_all_of_it() -> None:
    np.testing.assert_array_equal(regions.whole(frame()), [[320, 240, 640, 0]])
