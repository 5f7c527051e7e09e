"""Keypoints of every source: what they are, and the people in a span of them."""

import math
from collections.abc import Callable
from pathlib import Path

import fsspec
import keypoints
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from repscore.models.estimator import People
from repscore.pipelines.options import ScoreOptions, config_key
from repscore.transforms.inputs import EmptyInput, ProbeError
from repscore.transforms.keypoints.names import kind_of, recording_of
from repscore.transforms.keypoints.source import Imported, probe_keypoints, read_keypoints
from repscore.transforms.keypoints.span import NotKeypoints
from repscore.transforms.plan.segments import plan_frames
from repscore.transforms.pose.store import SegmentFile, read_people, write_segment
from repscore.transforms.pose.version import estimated_version, pose_version, release
from repscore.transforms.pose.worker import Worker
from repscore.transforms.records import PoseConfig, Segment, Video

FPS = 30.0


def segments(uri: str, fps: float = FPS, segment_s: float = 60.0) -> tuple[Segment, ...]:
    video = Video(uri, "v", "f", 1, "1", (), uri)
    probed, time_s = probe_keypoints(uri, fps)
    return plan_frames(video, probed, segment_s, time_s)


def read(uri: Path | str, fps: float = FPS, segment_s: float = 60.0) -> list[Imported]:
    return [read_keypoints(segment, fps) for segment in segments(str(uri), fps, segment_s)]


def times(found: list[Imported]) -> list[float]:
    return [time_s for segment in found for time_s, _ in segment.poses]


def people(found: list[Imported]) -> list[list[int]]:
    return [one.person.tolist() for segment in found for _, one in segment.poses]


def recording(folder: Path, name: str = "clip_") -> str:
    return str(folder / f"{name}%d_keypoints.json")


@pytest.mark.parametrize(
    ("name", "kind", "of"),
    [
        ("/a/b_000000000012_keypoints.json", "openpose", "/a/b_%d_keypoints.json"),
        ("gs://x/b2_7_keypoints.json", "openpose", "gs://x/b2_%d_keypoints.json"),
        ("12_keypoints.json", "openpose", "%d_keypoints.json"),
        ("/a/photo_keypoints.json", "openpose", None),
        ("/a/x.NPZ", "npz", None),
        ("/a/x.keypoints.parquet", "parquet", None),
        ("/a/cam01.0031.json", "json", "/a/cam01.%d.json"),
        ("/a/cam01.%d.json", "openpose", None),
        ("/a/x.json", "json", None),
        ("/a/x.csv", "csv", None),
        ("/a/x.mp4", "video", None),
    ],
)
def test_names(name: str, kind: str, of: str | None) -> None:
    assert kind_of(name) == kind
    assert recording_of(name) == of


def test_a_recording_of_openpose(tmp_path: Path) -> None:
    uri = recording(keypoints.raises(tmp_path, 2))
    probed, _ = probe_keypoints(uri, FPS)
    assert (probed.width_px, probed.rotation_deg) == (None, None), "nothing is invented"
    assert (probed.frames, probed.duration_s, probed.codec) == (60, 2.0, "openpose body25")
    (found,) = read(uri)
    assert found.topology == "body25"
    assert times([found]) == pytest.approx([number / FPS for number in range(60)])
    assert people([found]) == [[0]] * 60
    assert found.poses[3][1].image_px[0, :, :2] == pytest.approx(keypoints.body25(0.1), abs=1e-3)
    assert np.isnan(found.poses[0][1].world_m).all()
    assert found.shortfall is None


def test_the_rate_is_what_it_is_told(tmp_path: Path) -> None:
    uri = recording(keypoints.raises(tmp_path, 1))
    assert times(read(uri, fps=10.0)) == pytest.approx([number / 10 for number in range(30)])


def test_a_missing_file_is_a_hole_in_time_and_no_shift(tmp_path: Path) -> None:
    uri = recording(keypoints.raises(tmp_path, 1))
    for number in (0, 1, 10, 11):
        keypoints.frame_path(tmp_path, number).unlink()
    found = read(uri)
    expected = [number / FPS for number in range(30) if number not in (0, 1, 10, 11)]
    assert times(found) == pytest.approx(expected)
    assert found[0].shortfall is None


@pytest.mark.parametrize("segment_s", [0.4, 1.0, 7.0])
def test_segments_add_up_to_the_frames_of_one_pass(tmp_path: Path, segment_s: float) -> None:
    uri = recording(keypoints.raises(tmp_path, 3))
    found = read(uri, segment_s=segment_s)
    assert len(found) == math.ceil(3 / segment_s)
    assert times(found) == times(read(uri))


def test_a_hole_of_years_makes_no_segment(tmp_path: Path) -> None:
    keypoints.raises(tmp_path, 1)
    keypoints.frame_path(tmp_path, 10**11).write_text(keypoints.document(keypoints.body25(0)))
    planned = segments(recording(tmp_path))
    assert [segment.count for segment in planned] == [2, 2]
    assert planned[0].end_s == planned[1].start_s


def test_frames_without_people_are_frames(tmp_path: Path) -> None:
    uri = recording(keypoints.raises(tmp_path, 1))
    keypoints.frame_path(tmp_path, 5).write_text(keypoints.document())
    keypoints.frame_path(tmp_path, 6).write_text(keypoints.document(np.full((25, 2), np.nan)))
    found = read(uri)
    assert len(times(found)) == 30
    assert [index for index, one in enumerate(people(found)) if not one] == [5, 6]


def test_a_recording_of_nobody(tmp_path: Path) -> None:
    for number in range(3):
        keypoints.frame_path(tmp_path, number).write_text(keypoints.document())
    (found,) = read(recording(tmp_path))
    assert people([found]) == [[], [], []]
    assert probe_keypoints(recording(tmp_path), FPS)[0].topology is None


def test_several_people_keep_their_names_in_any_order(tmp_path: Path) -> None:
    for number in range(30):
        bodies = [keypoints.body25(number / FPS, x_px) for x_px in (300, 500, 700)]
        order = np.roll([0, 1, 2], number)
        text = keypoints.document(*(bodies[who] for who in order))
        keypoints.frame_path(tmp_path, number).write_text(text)
    expected = [np.roll([0, 1, 2], number).tolist() for number in range(30)]
    assert people(read(recording(tmp_path))) == expected


def test_coco18(tmp_path: Path) -> None:
    for number in range(5):
        text = keypoints.document(keypoints.coco18(number / FPS))
        keypoints.frame_path(tmp_path, number).write_text(text)
    (found,) = read(recording(tmp_path))
    assert found.topology == "coco18"
    assert found.poses[0][1].image_px.shape == (1, 18, 3)


def test_bad_files_are_left_out_and_told_in_one_line(tmp_path: Path) -> None:
    uri = recording(keypoints.raises(tmp_path, 1))
    for number in range(3, 9):
        keypoints.frame_path(tmp_path, number).write_text("{ garbage")
    coco = keypoints.document(keypoints.coco18(0))
    keypoints.frame_path(tmp_path, 20).write_text(coco)
    (found,) = read(uri)
    assert len(found.poses) == 23
    assert found.shortfall is not None
    assert found.shortfall.startswith("7 of 30 frames")
    assert "clip_000000000003_keypoints.json: expected JSON" in found.shortfall
    assert "000000000006" not in found.shortfall, "the first three will do"
    for number in range(4, 9):
        keypoints.frame_path(tmp_path, number).unlink()
    (found,) = read(uri)
    assert "expected body25 as before, found coco18" in str(found.shortfall)


def test_a_recording_of_nothing_good_is_none(tmp_path: Path) -> None:
    for number in range(4):
        keypoints.frame_path(tmp_path, number).write_text(keypoints.document(np.ones((16, 2))))
    with pytest.raises(NotKeypoints, match=r"none in 4 files .*25.*18.*found 16"):
        probe_keypoints(recording(tmp_path), FPS)


def test_two_files_of_one_frame_are_not_chosen_between(tmp_path: Path) -> None:
    text = keypoints.document(keypoints.body25(0))
    (tmp_path / "a_1_keypoints.json").write_text(text)
    (tmp_path / "a_01_keypoints.json").write_text(text)
    with pytest.raises(NotKeypoints, match=r"a_01_keypoints.json and a_1_keypoints.json"):
        probe_keypoints(recording(tmp_path, "a_"), FPS)


def test_a_file_without_a_number_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo_keypoints.json"
    path.write_text(keypoints.document(keypoints.body25(0)))
    with pytest.raises(NotKeypoints, match="no number in the name"):
        probe_keypoints(str(path), FPS)


def test_a_recording_at_a_url(tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    for path in keypoints.raises(tmp_path, 1).iterdir():
        store.pipe(f"/clips/{path.name}", path.read_bytes())
    try:
        assert times(read("memory:///clips/clip_%d_keypoints.json")) == times(
            read(recording(tmp_path))
        )
    finally:
        store.rm("/clips", recursive=True)


def one(seconds: float = 1.0) -> np.ndarray:
    """BlazePose of one person, (N, 33, 2) at FPS."""
    return np.stack([keypoints.blazepose(i / FPS) for i in range(round(seconds * FPS))])


def two(seconds: float = 1.0) -> np.ndarray:
    """Of two people, (N, 2, 33, 2)."""
    return np.stack([one(seconds), one(seconds) + [300, 0]], axis=1)


def test_an_archive_of_one_person(tmp_path: Path) -> None:
    places = one()
    places[4, 7] = np.nan
    np.savez(tmp_path / "a.npz", image_px=places)
    (found,) = read(tmp_path / "a.npz")
    assert (found.topology, people([found])) == ("blazepose33", [[0]] * 30)
    assert times([found]) == pytest.approx(np.arange(30) / FPS)
    image_px, visibility = found.poses[4][1].image_px[0], found.poses[4][1].visibility[0]
    assert image_px[:, :2] == pytest.approx(places[4], nan_ok=True, abs=1e-3)
    assert np.flatnonzero(visibility == 0).tolist() == [7]


def test_times_depth_world_visibility_and_size(tmp_path: Path) -> None:
    places = np.concatenate([one(), np.full((30, 33, 1), 5.0)], axis=-1)
    world, sure = np.full((30, 33, 3), 0.5), np.full((30, 33), 0.25)
    time_s = 100 + np.arange(30) / 10
    np.savez_compressed(
        tmp_path / "a.npz", image_px=places, world_m=world, visibility=sure, time_s=time_s,
        size_px=[640, 480], topology="blazepose33",
    )  # fmt: skip
    probed, _ = probe_keypoints(str(tmp_path / "a.npz"), FPS)
    assert (probed.width_px, probed.height_px, probed.codec) == (640, 480, "npz blazepose33")
    assert (probed.fps, probed.duration_s) == (pytest.approx(10), pytest.approx(103))
    found = read(tmp_path / "a.npz", segment_s=1.0)
    assert [len(segment.poses) for segment in found] == [10, 10, 10]
    assert times(found) == pytest.approx(time_s)
    last = found[2].poses[-1][1]
    assert (last.image_px[0, 0, 2], last.world_m[0, 0, 0], last.visibility[0, 0]) == (5, 0.5, 0.25)


def test_places_as_shares_of_the_picture(tmp_path: Path) -> None:
    shares = np.concatenate([one() / [640, 480], np.full((30, 33, 1), 0.5)], axis=-1)
    np.savez(tmp_path / "a.npz", image=shares, size_px=[640, 480])
    (found,) = read(tmp_path / "a.npz")
    assert found.poses[9][1].image_px[0, :, :2] == pytest.approx(one()[9], abs=1e-3)
    assert found.poses[9][1].image_px[0, 0, 2] == 320, "depth is in the scale of x"


def test_people_without_names_are_linked_and_names_are_kept(tmp_path: Path) -> None:
    places = two()
    places[10:] = places[10:, ::-1]
    np.savez(tmp_path / "a.npz", image_px=places)
    assert people(read(tmp_path / "a.npz")) == [[0, 1]] * 10 + [[1, 0]] * 20
    np.savez(tmp_path / "b.npz", image_px=two(), person=[7, 3])
    assert people(read(tmp_path / "b.npz")) == [[7, 3]] * 30
    names = np.tile([7, 3], (30, 1))
    names[5, 0] = -1
    np.savez(tmp_path / "c.npz", image_px=two(), person=names)
    assert people(read(tmp_path / "c.npz")) == [[7, 3]] * 5 + [[3]] + [[7, 3]] * 24


def test_an_array_in_fortrans_order(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image_px=np.asfortranarray(one()))
    np.savez(tmp_path / "b.npz", image_px=one())
    ours, theirs = (read(tmp_path / name, segment_s=0.4) for name in ("a.npz", "b.npz"))
    for (_, first), (_, second) in zip(ours[1].poses, theirs[1].poses, strict=True):
        assert np.array_equal(first.image_px, second.image_px, equal_nan=True)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"keypoints": one()}, "found keypoints"),
        ({"image_px": np.ones((5, 2))}, r"found \(5, 2\)"),
        ({"image_px": np.ones((5, 16, 2))}, "found 16"),
        ({"image_px": one(), "topology": "kinect"}, "found 33 called 'kinect'"),
        ({"image_px": np.ones((5, 25, 2)), "topology": "coco18"}, "found 25 called 'coco18'"),
        ({"image_px": one(), "time_s": np.arange(29)}, r"`time_s` of shape \(30,\)"),
        ({"image_px": one(), "time_s": np.zeros(30)}, "increase"),
        ({"image_px": one(), "time_s": np.full(30, np.nan)}, "increase"),
        ({"image_px": one(), "visibility": np.ones((30, 32))}, "`visibility`"),
        ({"image_px": one().astype(str)}, "expected numbers `image_px`"),
        ({"image_px": one(), "size_px": [0, 480]}, "size_px"),
        ({"image": one()}, "expected `size_px`"),
        ({"image_px": np.ones((0, 33, 2))}, "found none"),
        ({"image_px": np.array([[["a", {}]] * 33], object)}, "expected numbers"),
    ],
)
def test_a_foreign_archive_is_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], words: str
) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(NotKeypoints, match=words) as raised:
        probe_keypoints(str(tmp_path / "a.npz"), FPS)
    assert "a.npz: expected" in str(raised.value)


def torn(data: bytes) -> bytes:
    return data[: len(data) // 2]


def scrambled(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(200) + data[middle + 200 :]


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (torn, NotKeypoints),
        (scrambled, (NotKeypoints, OSError)),
        (lambda _: b"no such thing", NotKeypoints),
        (lambda _: b"", EmptyInput),
    ],
)
def test_a_damaged_file_is_refused(
    tmp_path: Path, suffix: str, damage: Callable[[bytes], bytes], kind: type[ProbeError]
) -> None:
    whole = tmp_path / f"whole{suffix}"
    if suffix == ".npz":
        np.savez_compressed(whole, image_px=one(4))
    else:
        pq.write_table(table(), whole)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(damage(whole.read_bytes()))
    with pytest.raises(kind):
        read(path)


def table(seconds: float = 1.0, **more: list[object]) -> pa.Table:
    """The least that a Parquet file needs: two people, and nobody in the last frame."""
    rows = [
        (i / FPS, places[:, 0], places[:, 1])
        for i, frame in enumerate(two(seconds))
        for places in frame
    ]
    lists = [[row[axis].tolist() for row in rows] + [None] for axis in (1, 2)]
    time_s = [row[0] for row in rows] + [seconds]
    return pa.table({"frame_time_s": time_s, "x": lists[0], "y": lists[1], **more})


def test_a_parquet_file_without_names(tmp_path: Path) -> None:
    pq.write_table(table(), tmp_path / "a.parquet", row_group_size=7)
    probed, _ = probe_keypoints(str(tmp_path / "a.parquet"), FPS)
    assert (probed.frames, probed.fps, probed.codec) == (
        31, pytest.approx(30), "parquet blazepose33",
    )  # fmt: skip
    found = read(tmp_path / "a.parquet", segment_s=0.5)
    assert people(found[:1]) == [[0, 1]] * 15
    assert people(found[2:]) == [[]], "the frame at one second shows nobody"
    assert found[0].poses[3][1].image_px[1, :, :2] == pytest.approx(two()[3, 1], abs=1e-3)
    assert (found[0].poses[3][1].visibility == 1).all()


def test_a_parquet_file_keeps_its_names(tmp_path: Path) -> None:
    names: list[object] = [9, 4] * 30 + [None]
    pq.write_table(table(person=names), tmp_path / "a.parquet")
    assert people(read(tmp_path / "a.parquet")) == [[9, 4]] * 30 + [[]]


def test_a_file_of_the_pose_store_comes_back_as_it_was(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    poses = [
        (
            i / 10,
            People(
                person=np.array([0, 5], np.int32),
                image_px=rng.normal(300, 90, (2, 33, 3)).astype(np.float32),
                world_m=rng.normal(0, 1, (2, 33, 3)).astype(np.float32),
                visibility=rng.uniform(0, 1, (2, 33)).astype(np.float32),
            ),
        )
        for i in range(12)
    ]
    about = SegmentFile(
        video_id="v", pose_version="p", segment=0, segments=1, start_s=0.0, end_s=None,
        topology="blazepose33", estimator={}, width_px=None, height_px=None, fps=10.0,
        sample_fps=None, frames=12, frames_with_person=12, decoded_s=1.1, shortfall=None,
        clock_jumps=None, pictures=12, pictures_decoded=12,
    )  # fmt: skip
    write_segment(str(tmp_path / "a.parquet"), about, poses)
    (found,) = read(tmp_path / "a.parquet")
    for (time_s, there), (read_s, back) in zip(poses, found.poses, strict=True):
        assert time_s == read_s
        for name in ("person", "image_px", "world_m", "visibility"):
            assert np.array_equal(getattr(there, name), getattr(back, name))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop_columns(["y"]), "without y"),
        (lambda t: t.set_column(0, "frame_time_s", pa.array([-1.0] * len(t))), "increase"),
        (lambda t: t.append_column("person", pa.array([None] * len(t), pa.int32())), "`person`"),
        (lambda t: t.append_column("person", pa.array(["ana"] * len(t))), "cannot be read"),
        (lambda t: t.slice(60), "found nobody"),
        (lambda t: t.append_column("visibility", pa.array([[1.0]] * len(t))), "expected 33"),
        (lambda t: t.set_column(1, "x", pa.array([1.0] * len(t))), "cannot be read"),
    ],
)
def test_a_foreign_table_is_refused(
    tmp_path: Path, change: Callable[[pa.Table], pa.Table], words: str
) -> None:
    pq.write_table(change(table()), tmp_path / "a.parquet")
    with pytest.raises(NotKeypoints, match=words):
        read(tmp_path / "a.parquet")


def test_a_segment_of_bad_files_alone_has_no_frames(tmp_path: Path) -> None:
    """Three seconds in segments of one; the second is garbage."""
    uri = recording(keypoints.raises(tmp_path / "clip", 3))
    for number in range(30, 60):
        keypoints.frame_path(tmp_path / "clip", number).write_text("garbage")
    poses = PoseConfig(estimator="fakes:Brightness")
    worker = Worker(poses, str(tmp_path / "dataset"), estimated_version(poses), release())
    done = [worker.extract(segment) for segment in segments(uri, segment_s=1.0)]
    assert [segment.frames for segment in done] == [30, 0, 30]
    assert [len(segment.failures) for segment in done] == [0, 1, 0]
    assert done[1].failures[0].error_class == "IncompleteKeypoints"
    held = [read_people(str(segment.path)) for segment in done]
    assert [len(one.people) for one in held] == [1, 0, 1]
    assert [one.about.sample_fps for one in held] == [None] * 3


def test_what_estimates_videos_does_not_touch_keypoints_and_the_reverse() -> None:
    video, folder = (Video(uri, "v", "f", 1, "1", (), uri) for uri in ("a.mp4", "a.npz"))
    plain, rated = (PoseConfig(estimator="fakes:Brightness", fps=fps) for fps in (30.0, 25.0))
    other = PoseConfig(estimator="fakes:ArmRaiser", sample_fps=None)
    assert pose_version(plain, video) == pose_version(rated, video) != pose_version(other, video)
    assert pose_version(plain, folder) == pose_version(other, folder) != pose_version(rated, folder)
    runs = [ScoreOptions(("a",), "out", poses=poses) for poses in (plain, rated, other)]
    assert len({config_key(run, estimated_version(run.poses), "s") for run in runs}) == 3
    with pytest.raises(ValueError, match="rate"):
        PoseConfig(fps=math.nan)
