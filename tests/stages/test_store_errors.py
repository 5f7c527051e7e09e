"""Errors of a store: each kind at each place, and what becomes of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
import videos
from fsspec.implementations.local import LocalFileSystem

from repscore.models.estimator import Unavailable
from repscore.pipelines.options import ScoreOptions
from repscore.pipelines.score import run
from repscore.transforms import errors
from repscore.transforms.discover.changes import Changes
from repscore.transforms.discover.sources import list_inputs
from repscore.transforms.errors import DatasetUnusable
from repscore.transforms.plan import segments as planning
from repscore.transforms.plan.segments import plan_segments
from repscore.transforms.pose import worker as pose_worker
from repscore.transforms.pose.pool_plan import PoolConfig
from repscore.transforms.pose.version import estimated_version, release
from repscore.transforms.pose.worker import Worker
from repscore.transforms.records import PoseConfig, Segment
from repscore.transforms.score.inference import ScorerHandler
from repscore.transforms.tables import stage as tables_stage
from repscore.transforms.tables.delta import read_known, read_rows

POSES = PoseConfig(estimator="fakes:Brightness")


class HttpError(Exception):
    """As gcsfs has it: no OSError, the status as text."""

    def __init__(self, code: str) -> None:
        super().__init__(f"status {code}")
        self.code = code


ERRORS: dict[str, Exception] = {
    "transient": HttpError("503"),
    "permission": HttpError("401"),
    "missing": HttpError("404"),
    "permanent": HttpError("400"),
}


class FaultyFiles(LocalFileSystem):
    """Local files whose store fails as often as a test says."""

    protocol = "faulty"
    error: Exception | None = None
    times = 0

    def _fail(self) -> None:
        if type(self).error is not None and type(self).times > 0:
            type(self).times -= 1
            raise type(self).error

    def _open(self, path: str, *arguments: Any, **more: Any) -> Any:
        self._fail()
        return super()._open(path, *arguments, **more)

    def unstrip_protocol(self, name: str) -> str:
        return f"faulty://{name}"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    fsspec.register_implementation("faulty", FaultyFiles, clobber=True)
    monkeypatch.setattr(errors.time, "sleep", lambda _: None)
    yield
    FaultyFiles.error, FaultyFiles.times = None, 0


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"faulty://{videos.plain(tmp_path / 'a.mp4')}"


def video_of(url: str) -> Any:
    (source,) = list_inputs([url])
    return Changes({}, "c").decide(source)[0]


def segment_of(url: str) -> Segment:
    (segment,) = plan_segments(video_of(url), POSES)
    assert segment.video.failure is None
    return segment


def worker(root: Path) -> Worker:
    return Worker(POSES, str(root), estimated_version(POSES), release())


Place = Callable[[str, Path], tuple[Any, ...]]


def discovered(url: str, _: Path) -> tuple[Any, ...]:
    (source,) = list_inputs([url])
    return lambda: Changes({}, "c").decide(source)[0].failure, ()


def planned(url: str, _: Path) -> tuple[Any, ...]:
    video = video_of(url)
    return lambda: plan_segments(video, POSES)[0].video.failure, ()


def estimated(url: str, root: Path) -> tuple[Any, ...]:
    segment, made = segment_of(url), worker(root)

    def work() -> Any:
        failures = made.extract(segment).failures
        return failures[0] if failures else None

    return work, ()


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("place", [discovered, planned, estimated], ids=lambda p: p.__name__)
def test_reading_an_input(place: Place, kind: str, url: str, tmp_path: Path) -> None:
    """It is the input's: a failure row of its kind, at the stage where it came."""
    work, _ = place(url, tmp_path)
    FaultyFiles.error, FaultyFiles.times = ERRORS[kind], 1000
    failure = work()
    assert failure.kind == kind
    assert (
        failure.stage
        == {"discovered": "discover", "planned": "probe", "estimated": "pose"}[place.__name__]
    )
    assert "\n" not in failure.message
    tries = 1000 - FaultyFiles.times
    assert (tries > len(errors.PAUSES_S)) == (kind == "transient")


@pytest.mark.parametrize("place", [discovered, planned, estimated], ids=lambda p: p.__name__)
def test_what_passes_is_not_even_a_row(place: Place, url: str, tmp_path: Path) -> None:
    work, _ = place(url, tmp_path)
    FaultyFiles.error, FaultyFiles.times = ERRORS["transient"], 2
    assert work() is None
    assert FaultyFiles.times == 0


@pytest.mark.parametrize("place", [discovered, planned, estimated], ids=lambda p: p.__name__)
def test_what_the_machine_lacks_ends_the_run(place: Place, url: str, tmp_path: Path) -> None:
    work, _ = place(url, tmp_path)
    FaultyFiles.error, FaultyFiles.times = ImportError("Install s3fs to access S3"), 1000
    with pytest.raises(DatasetUnusable, match="Install s3fs"):
        work()


@pytest.mark.parametrize("kind", ERRORS)
def test_writing_poses(
    kind: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the dataset's: no input is to blame, the run ends, and goes on the next time."""
    segment, made, calls = segment_of(url), worker(tmp_path), []

    def refused(*_: Any) -> None:
        calls.append(1)
        raise ERRORS[kind]

    monkeypatch.setattr(pose_worker, "write_segment", refused)
    with pytest.raises(DatasetUnusable, match=r"poses cannot be written: status"):
        made.extract(segment)
    assert (len(calls) > 1) == (kind == "transient")


@pytest.mark.parametrize("kind", ERRORS)
def test_writing_tables_ends_the_run_in_one_line(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def refused(*_: Any) -> None:
        calls.append(1)
        raise ERRORS[kind]

    monkeypatch.setattr(tables_stage, "write_batch", refused)
    folder = tmp_path / "inputs"
    folder.mkdir()
    (folder / "text.mp4").write_text("no video")
    options = ScoreOptions(
        inputs=(str(folder),), output=str(tmp_path / "d"), poses=POSES, pool=PoolConfig(actors=1)
    )
    with pytest.raises(DatasetUnusable, match=r"^the tables of .* cannot be written: status \d+$"):
        run(options, quiet=True)
    assert (len(calls) > 1) == (kind == "transient")
    assert read_rows(options.output, "videos") == []


@pytest.mark.parametrize("kind", ERRORS)
def test_reading_a_scorer(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "scorer.safetensors"
    file.write_bytes(b"x")
    FaultyFiles.error, FaultyFiles.times = ERRORS[kind], 1000
    with pytest.raises(DatasetUnusable, match=r"scorer\.safetensors: the scorer cannot be read"):
        ScorerHandler(f"faulty://{file}").load_model()


def test_the_next_run_tries_again_what_may_have_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The status of a run does not change: the row stays until the input was read."""
    folder = tmp_path / "inputs"
    folder.mkdir()
    for name in ("transient", "permission", "missing", "permanent", "none"):
        (folder / f"{name}.npz").write_bytes(name.encode())
    files = tuple(str(file) for file in sorted(folder.iterdir()))
    looked: list[str] = []

    def probed(location: str, *_: Any) -> Any:
        name = Path(location).stem
        looked.append(name)
        raise ERRORS.get(name, ValueError("no keypoints"))

    monkeypatch.setattr(planning, "probe_keypoints", probed)
    monkeypatch.setattr(errors, "PAUSES_S", ())
    options = ScoreOptions(
        inputs=files, output=str(tmp_path / "d"), poses=POSES, pool=PoolConfig(actors=1)
    )
    report = run(options, quiet=True)
    assert report.row["failures"] == 5
    assert sorted(looked) == ["missing", "none", "permanent", "permission", "transient"]
    looked.clear()
    report = run(options, quiet=True)
    assert sorted(looked) == ["missing", "transient"]
    assert (report.row["videos"], report.row["skipped"]) == (2, 3)
    kinds = {Path(r["uri"]).stem: r["kind"] for r in read_rows(options.output, "failures")}
    assert kinds == {name: name for name in ERRORS} | {"none": "permanent"}
    assert {Path(uri).stem for uri in read_known(options.output)} == {
        *("none", "permanent", "permission")
    }


def test_a_machine_with_another_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"the run is of 0\.1\.0\+other: install the same"):
        Worker(POSES, str(tmp_path), estimated_version(POSES), "0.1.0+other")
