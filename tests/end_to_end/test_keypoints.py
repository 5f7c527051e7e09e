"""Keypoints go in like videos and come out as repetitions."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import av
import cv2
import keypoints
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import videos
from click.testing import CliRunner

import repscore
from repscore.models.scorer.shipped import located
from repscore.models.skeleton import JOINT
from repscore.pipelines.cli import cli
from repscore.pipelines.dataset import _installed
from repscore.pipelines.query import query
from repscore.pipelines.rescore import rescore
from repscore.pipelines.view.drawing import strip_height

SECONDS, FPS = 20, 30
FRAMES = SECONDS * FPS
OPTIONS = ("--estimator", "fakes:ArmRaiser", "--segment-seconds", "7", "--actors", "1", "--json")


def score(*arguments: str) -> dict[str, object]:
    command = [sys.executable, "-m", "repscore.pipelines", "score", *arguments, *OPTIONS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    report: dict[str, object] = json.loads(done.stdout)
    return report


def rows(root: Path, sql: str) -> list[tuple[object, ...]]:
    relation = query(str(root), sql)
    assert relation is not None
    return relation.fetchall()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Arm raises of 2 s for 20 s, in every layout; some of it is damaged."""
    folder = tmp_path_factory.mktemp("archive")
    keypoints.raises(folder / "openpose", SECONDS, people=2)
    keypoints.raises(folder / "damaged", SECONDS)
    for number in range(40, 44):
        keypoints.frame_path(folder / "damaged", number).write_text('{"people": [')
    (folder / "garbage").mkdir()
    for number in range(3):
        keypoints.frame_path(folder / "garbage", number).write_bytes(b"\x00\x01")
    time_s = np.arange(FRAMES) / FPS
    places = np.stack([keypoints.blazepose(time) for time in time_s.tolist()])
    np.savez(folder / "arrays.keypoints.npz", image_px=places)
    np.savez(folder / "foreign.keypoints.npz", poses=places)
    columns = {"frame_time_s": time_s, "person": np.full(FRAMES, 4)}
    lists = {"x": places[..., 0].tolist(), "y": places[..., 1].tolist()}
    pq.write_table(pa.table(columns | lists), folder / "table.keypoints.parquet")
    videos.plain(folder / "video.mp4", frames=SECONDS * 10, fps=10)
    return folder


@pytest.fixture(scope="module")
def dataset(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("dataset")
    report = score(str(archive), "-o", str(root), "--person", "all", "--scorer", "none")
    assert (report["inputs"], report["videos"]) == (7, 7)
    return root


def named(uri: object, archive: Path) -> str:
    return str(Path(str(uri)).relative_to(archive)).split("/")[0].split(".")[0]


def test_every_layout_gives_the_repetitions_of_its_motion(archive: Path, dataset: Path) -> None:
    sql = "SELECT video_uri, person, count(*) FROM repetitions GROUP BY ALL"
    counts = {(named(uri, archive), person): count for uri, person, count in rows(dataset, sql)}
    assert counts.keys() == {
        *(("openpose", 0), ("openpose", 1), ("damaged", 0), ("arrays", 0), ("table", 4)),
        ("video", 0),
    }
    assert all(
        abs(int(str(count)) - SECONDS / keypoints.PERIOD_S) <= 1 for count in counts.values()
    )


def test_a_row_says_what_is_known_and_no_more(archive: Path, dataset: Path) -> None:
    sql = "SELECT uri, status, codec, width_px, fps, frames, segments, people FROM videos"
    found = {named(uri, archive): row for uri, *row in rows(dataset, sql)}
    assert found["openpose"] == ["ok", "openpose body25", None, 30.0, FRAMES, 3, 2]
    assert found["damaged"] == ["partial", "openpose body25", None, 30.0, FRAMES - 4, 3, 1]
    assert found["arrays"] == ["ok", "npz blazepose33", None, 30.0, FRAMES, 3, 1]
    assert found["garbage"][0] == found["foreign"][0] == "failed"


def test_what_is_bad_is_a_row_of_failures(archive: Path, dataset: Path) -> None:
    sql = "SELECT uri, stage, error_class, message FROM failures"
    found = {named(uri, archive): row for uri, *row in rows(dataset, sql)}
    assert found.keys() == {"damaged", "garbage", "foreign"}
    assert found["damaged"][:2] == ["pose", "IncompleteKeypoints"]
    assert "4 of 210 frames" in str(found["damaged"][2])
    assert found["garbage"][:2] == found["foreign"][:2] == ["probe", "NotKeypoints"]


def test_options_of_one_kind_leave_the_other_alone(
    archive: Path, dataset: Path, tmp_path: Path
) -> None:
    root = tmp_path / "dataset"
    shutil.copytree(dataset, root)
    report = score(str(archive), "-o", str(root), "--sample-fps", "5")
    assert (report["videos"], report["frames"]) == (7, SECONDS * 5), "the video alone"
    report = score(str(archive), "-o", str(root), "--sample-fps", "5", "--fps", "15")
    assert (report["videos"], report["frames"]) == (7, 4 * FRAMES - 4), "the keypoints alone"
    ((longest_s,),) = rows(root, "SELECT max(end_s) FROM repetitions WHERE video_uri LIKE '%_json'")
    assert float(str(longest_s)) > SECONDS, "at half the rate it lasts twice as long"


def test_a_scorer_is_evaluated_on_a_dataset_with_labels(dataset: Path, tmp_path: Path) -> None:
    """What `rescore` names repetitions is right where it is the truth."""
    root = tmp_path / "dataset"
    shutil.copytree(dataset, root)
    alone = shutil.copy(str(located("exercises")), tmp_path / "scorer.safetensors")  # no norms
    rescore(str(root), str(alone), (), quiet=True)
    sql = """
    SELECT video_uri, exercise, start_s, end_s FROM repetitions
    WHERE scorable AND person IN (0, 4) ORDER BY ALL
    """
    known = rows(root, sql)
    labels = tmp_path / "labels.csv"
    command = ["evaluate", "scoring", str(dataset), "--scorer", "exercises", "--json"]
    for truth, right in (
        (known, 1),
        ([(known[0][0], "curl", *known[0][2:]), *known[1:]], 1 - 1 / len(known)),
    ):
        lines = [("input", "exercise", "start_s", "end_s"), *truth]
        labels.write_text("".join(",".join(map(str, line)) + "\n" for line in lines))
        result = CliRunner().invoke(cli, [*command, "--labels", str(labels)])
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["figures"][0]["exercise_right"][0] == pytest.approx(right)


def test_recordings_of_others(shared_data: Path, tmp_path: Path) -> None:
    """Twelve people on a field for three seconds; single lifts of a few seconds each."""
    field = tmp_path / "archive" / "field"
    shutil.copytree(shared_data / "openpose_json", field)
    for number in (30, 31):
        (field / f"video_{number:012d}_keypoints.json").write_text("garbage")
    lifts = sorted((shared_data / "pose_trainer").glob("*/*.npy"))[::4]
    for path in lifts:
        folder = tmp_path / "archive" / path.stem
        folder.mkdir()
        for number, joints in enumerate(np.load(path)):
            joints[joints[:, 2] == 0] = np.nan
            keypoints.frame_path(folder, number).write_text(keypoints.document(joints))
    root = tmp_path / "dataset"
    report = score(str(tmp_path / "archive"), "-o", str(root))
    assert (report["videos"], report["failures"]) == (len(lifts) + 1, 1)
    found = {Path(str(uri)).parent.name: row for uri, *row in rows(
        root, "SELECT uri, codec, frames, people, repetitions FROM videos"
    )}  # fmt: skip
    assert found.pop("field")[:3] == ["openpose body25", 88, 9]
    assert {str(row[0]) for row in found.values()} == {"openpose coco18"}
    counts = {path.stem: int(str(found[path.stem][3])) for path in lifts}
    assert set(counts.values()) <= {0, 1}  # each shows one repetition
    assert sum(counts.values()) > 0.8 * len(lifts)


def test_a_dataset_is_scored_again_without_its_inputs(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "dataset"
    shutil.copytree(dataset, root)
    windows = "SELECT video_id, person, repetition, start_s, end_s FROM repetitions ORDER BY ALL"
    failures = "SELECT uri, error_class, message FROM failures ORDER BY ALL"
    before = rows(root, windows), rows(root, failures)
    scored = "SELECT * EXCLUDE (run_id, processed_at) FROM repetitions ORDER BY ALL"
    cut = rescore(str(root), located("exercises"), (), quiet=True)
    first = rows(root, scored)
    monkeypatch.setattr("repscore.pipelines.rescore._GROUP", 2)
    kept = rescore(str(root), None, (), quiet=True)
    assert (rows(root, windows), rows(root, failures)) == before
    assert rows(root, scored) == first, "kept windows give the same scores as the poses"
    assert rows(root, "SELECT DISTINCT score_kind, scorer_version[:5] FROM repetitions") == [
        ("norm", "norm-")
    ]
    assert cut.row["frames"] == kept.row["frames"] > 0
    told = [json.loads(str(report.row["moved"])) for report in (cut, kept)]
    assert told[0]["compared"] == told[1]["compared"] == len(before[0])
    assert told[0]["exercise"] + told[0]["score"] + told[0]["no_longer_scorable"] > 0
    assert (told[1]["exercise"], told[1]["score"]) == (0, 0)
    for file in (root / "poses").rglob("*.parquet"):
        file.unlink()
    lost = rescore(str(root), None, (), quiet=True)
    assert lost.row["videos"] == 2, "those that failed; the others keep their rows"
    assert rows(root, scored) == first


def test_counts_and_boundaries_are_evaluated(archive: Path, dataset: Path, tmp_path: Path) -> None:
    bounded = [f"{archive}/arrays.keypoints.npz,raise,{2 * k},{2 * k + 2}," for k in range(10)]
    counted = f"{archive}/table.keypoints.parquet,,,,10"
    labels, table = tmp_path / "labels.csv", tmp_path / "table.csv"
    labels.write_text("\n".join(["input,exercise,start_s,end_s,count", *bounded, counted]))
    arguments = ["evaluate", "counting", str(dataset), "--labels", str(labels)]
    result = CliRunner().invoke(cli, [*arguments, "--json", "--table", str(table)])
    assert result.exit_code == 0, result.output
    figures = json.loads(result.output)
    assert (figures["all"]["videos"], figures["all"]["obo"]) == (2, 1.0)
    assert figures["all"]["f1"] == figures["exercises"]["raise"]["f1"]
    assert figures["all"]["f1"][0] > 0.8
    assert figures["exercises"][""]["f1"] == [None, None]
    assert len(table.read_text().splitlines()) == 3
    shown = CliRunner().invoke(cli, arguments).output
    assert shown.splitlines()[-2].split() == ["1", "1.00", "1.00", "0.00", "-", "-"]
    labels.write_text("input,count\nelsewhere.mp4,3\n")
    refused = CliRunner().invoke(cli, arguments)
    assert "elsewhere.mp4: score them into it, or remove their labels" in refused.output


def view(*arguments: str) -> str:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_video_is_annotated_picture_by_picture(
    archive: Path, dataset: Path, tmp_path: Path
) -> None:
    """200 pictures of 64 x 48 px, enlarged to 480 x 360, a strip of words below, 3 s of card."""
    target = tmp_path / "annotated.mp4"
    view("annotate", str(dataset), str(archive / "video.mp4"), "-o", str(target), "--quiet")
    with av.open(str(target)) as film:
        frames = list(film.decode(video=0))
    assert len(frames) == SECONDS * 10 + 3 * 10
    assert [round(frame.time or 0.0, 3) for frame in frames[:3]] == [0.0, 0.1, 0.2]
    assert (frames[0].width, frames[0].height) == (480, 360 + strip_height(0.045 * 360, 1))


def test_a_moved_video_is_known_by_its_content_and_another_one_is_refused(
    archive: Path, dataset: Path, tmp_path: Path
) -> None:
    moved = shutil.copy(archive / "video.mp4", tmp_path / "moved.mp4")
    still = tmp_path / "still.png"
    view("annotate", str(dataset), str(moved), "-o", str(still), "--still", "5")
    picture = cv2.imread(str(still))
    assert picture is not None
    assert picture.shape[1] == 480
    other = videos.plain(tmp_path / "video.mp4", frames=5)
    command = ["annotate", str(dataset), str(other), "-o", str(still), "--still", "0"]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 1
    assert "another content than was scored" in result.output


def test_keypoints_are_shown_as_skeletons_without_a_picture(dataset: Path, tmp_path: Path) -> None:
    """Two people raise their arms; the size of the picture is not known."""
    target = tmp_path / "still.png"
    name = "clip_%d_keypoints.json"
    result = CliRunner().invoke(cli, ["annotate", str(dataset), name, "-o", str(target)])
    assert result.exit_code == 2, "no video"
    result = CliRunner().invoke(cli, ["annotate", str(dataset), name, "--still", "3"])
    assert "3 videos" in result.output, "three recordings are called so"
    sql = "SELECT video_id FROM videos WHERE uri LIKE '%/openpose/%'"
    ((video_id,),) = rows(dataset, sql)
    view("annotate", str(dataset), str(video_id), "-o", str(target), "--still", "3")
    picture = cv2.imread(str(target))
    assert picture is not None
    top = picture[: picture.shape[0] - strip_height(0.045 * 360, 2)].max(axis=2)
    assert 0.005 < (top > 60).mean() < 0.2, "two skeletons on black"


def test_a_plot_is_a_picture_or_text(dataset: Path, tmp_path: Path) -> None:
    view("plot", str(dataset), "arrays.keypoints.npz", "-o", str(tmp_path / "plot.png"))
    view("plot", str(dataset), "arrays.keypoints.npz", "-o", str(tmp_path / "a.svg"), "--to", "8")
    assert cv2.imread(str(tmp_path / "plot.png")) is not None
    assert "motion (torso lengths)" in (tmp_path / "a.svg").read_text()


def test_what_cannot_be_shown_is_said_in_one_line(dataset: Path, tmp_path: Path) -> None:
    for name, said in (
        ("vidoe.mp4", "such as video.mp4"),
        ("garbage", "no video of"),
        ("foreign.keypoints.npz", "has no poses"),
    ):
        result = CliRunner().invoke(cli, ["plot", str(dataset), name])
        assert result.exit_code == 1
        assert said in result.output


def test_a_dataset_is_open_to_python(dataset: Path) -> None:
    """Arms are raised sideways: the wrists are above the shoulders at the turn alone."""
    opened = repscore.open(str(dataset))
    table = opened.arrow("repetitions")
    assert table.num_rows == len(opened.polars("SELECT * FROM repetitions"))
    first = opened.arrow("SELECT * FROM repetitions WHERE video_uri LIKE '%arrays%'").to_pylist()[1]
    keypoints = opened.keypoints(first["video_id"], first["repetition"])
    assert keypoints.time_s[0] == pytest.approx(first["start_s"], abs=1e-6)
    wrist, shoulder = (
        keypoints.flat[:, JOINT[f"left_{joint}"], 1] for joint in ("wrist", "shoulder")
    )
    raised = wrist < shoulder  # y points down
    assert raised.any()
    assert not raised.all()
    with pytest.raises(ValueError, match="repetition 99 of person 0"):
        opened.keypoints("arrays.keypoints.npz", 99)
    with pytest.raises(ValueError, match="no dataset"):
        repscore.open(str(dataset / "nothing"))
    with pytest.raises(ImportError, match="pip install no_such_module"):
        _installed("no_such_module")
