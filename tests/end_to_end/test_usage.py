"""Wrong use of the command line: one line that names the thing, status 2, nothing written."""

import errno
import os
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from repscore.pipelines import cli
from repscore.pipelines.ready import full_disk
from repscore.transforms.errors import DatasetUnusable
from repscore.transforms.tables.delta import append_run

WRONG: Sequence[tuple[str, str]] = (
    ("score", "INPUT"),
    ("score in", "--output"),
    ("score in -o", "-o"),
    ("score in -o out --colour red", "--colour"),
    ("score in -o out --sample-fps fast", "native"),
    ("score in -o out --sample-fps 0", "positive"),
    ("score in -o out --sample-fps nan", "positive"),
    ("score in -o out --fps -1", "--fps"),
    ("score in -o out --fps nan", "--fps"),
    ("score in -o out --people 0", "--people"),
    ("score in -o out --segment-seconds 0", "--segment-seconds"),
    ("score in -o out --segment-seconds inf", "--segment-seconds"),
    ("score in -o out --segment-timeout -5", "--segment-timeout"),
    ("score in -o out --actors -1", "--actors"),
    ("score in -o out --group-size 0", "--group-size"),
    ("score in -o out --max-failure-rate 2", "--max-failure-rate"),
    ("score in -o out --precision f16", "bf16"),
    ("score in -o out --model huge", "heavy"),
    ("score in -o out --device tpu", "cuda"),
    ("score in -o out --estimator crystal_ball", "crystal_ball"),
    ("score in -o out --estimator nowhere:Class", "nowhere"),
    ("score in -o out --runner nonsense", "prism"),
    ("score in -o out --runner dataflow", "repscore[dataflow]"),
    ("score in -o out --runner portable --job-endpoint 127.0.0.1:9", "127.0.0.1:9"),
    ("score in -o out --runner portable", "--job-endpoint"),
    ("score in -o out --prism nowhere", "--prism"),
    ("score in -o out --runner prism --prism nowhere", "nowhere"),
    ("score in -o out --beam-option nonsense=1", "nonsense"),
    ("score in -o out --beam-option max_cache_memory_usage_mb=much", "much"),
    ("score in -o out --ray-address here", "HOST:PORT"),
    ("score in -o out --ray-address 127.0.0.1:9", "127.0.0.1:9"),
    ("score in -o out --scorer nowhere.safetensors", "nowhere.safetensors"),
    ("score in -o out --scorer note.txt", "note.txt"),
    ("score in -o out --scorer empty.mp4", "empty.mp4"),
    ("score in -o out --scorer in", "in"),
    ("score in -o out --reference squat=nowhere.mp4", "nowhere.mp4"),
    ("score in -o out --reference =clip.mp4", "CLIP"),
    ("score in -o out --config nowhere.toml", "nowhere.toml"),
    ("score in -o out --config note.txt", "note.txt"),
    ("score in -o out --config number.toml", "people"),
    ("score nowhere.mp4 -o out", "nowhere.mp4"),
    ("score memory://nowhere -o out", "memory://nowhere"),
    ("score nothing://x -o out", "nothing"),
    ("score bare -o out", "1 .txt not recognised"),
    ("score bare/*.mp4 -o out", "bare/*.mp4"),
    ("score pipe -o out", "FIFO"),
    ("score '' -o out", "input ''"),
    ("score in -o ''", "--output"),
    ("score in -o note.txt", "note.txt is a file"),
    ("score in -o note.txt/below", "note.txt is a file"),
    ("score in -o /proc/out", "/proc"),
    ("score in -o broken", "broken"),
    ("score in -o torn", "torn/tables/feedback"),
    ("score in -o a%41b", "%41"),
    ("watch in", "--output"),
    ("watch nowhere -o out", "nowhere"),
    ("watch in -o out --every 0", "--every"),
    ("watch in -o note.txt", "note.txt is a file"),
    ("watch in -o out --runner in-process", "prism"),
    ("watch in -o out --environment DOCKER:x --runner portable --job-endpoint a:1", "LOOPBACK"),
    ("replay nowhere", "nowhere"),
    ("replay bare", "bare"),
    ("replay broken", "broken"),
    ("replay note.txt", "note.txt"),
    ("rescore nowhere", "nowhere"),
    ("rescore bare", "bare"),
    ("rescore broken", "broken"),
    ("query nowhere 'select 1'", "nowhere"),
    ("query note.txt 'select 1'", "note.txt"),
    ("query bare 'selec 1'", "selec"),
    ("query bare 'select x from repetitions'", "x"),
    ("query bare 'from repetition'", "repetition"),
    ("query bare", "SQL"),
    ("query broken 'from runs'", "broken"),
    ("query bare 'drop table runs'", "runs"),
    ("summary nowhere", "nowhere"),
    ("summary note.txt", "note.txt"),
    ("summary broken", "broken"),
    ("summary cut", "cut"),
    ("query cut 'from runs'", "cut"),
    ("learn squat", "CLIP"),
    ("learn squat nowhere.mp4 -o x.safetensors", "nowhere.mp4"),
    ("learn squat empty.mp4 -o note.txt", "note.txt"),
    ("learn squat empty.mp4 -o x.safetensors", "empty.mp4"),
    ("train", "FOLDER"),
    ("train nowhere -o x.safetensors", "nowhere"),
    ("train bare -o x.safetensors", "labels.csv"),
    ("train labelled -o x.safetensors", "start"),
    ("train labelled in --labels l.csv -o x.safetensors", "--labels"),
    ("train labelled -o in", "in"),
    ("train labelled -o x.safetensors --folds 1", "--folds"),
    ("train labelled -o x.safetensors --epochs 0", "--epochs"),
    ("evaluate", "evaluate"),
    ("evaluate counting nowhere", "nowhere"),
    ("evaluate counting bare", "labels.csv"),
    ("evaluate counting labelled", "start"),
    ("evaluate scoring nowhere", "nowhere"),
    ("evaluate scoring bare --scorer nowhere.safetensors", "nowhere.safetensors"),
    ("evaluate scoring bare --leaky --scorer exercises", "--leaky"),
    ("weights --from nowhere", "nowhere"),
    ("weights --model huge", "heavy"),
    ("demo -o note.txt", "note.txt"),
    ("demo -o ''", "--output"),
    ("demo -o /proc/demo", "/proc"),
    ("doctor now", "now"),
    ("learn press in/clip.mp4 -o in", "folder"),
    ("scores", "scores"),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files to name wrongly: text, an empty video, a FIFO, a dataset whose table is cut off."""
    folder = tmp_path_factory.mktemp("usage")
    for name in (
        "in",
        "bare",
        "labelled",
        "broken/tables/runs/_delta_log",
        "torn/tables/feedback/_delta_log",
    ):
        (folder / name).mkdir(parents=True)
    for name in ("empty.mp4", "clip.mp4", "in/clip.mp4"):
        (folder / name).touch()
    (folder / "note.txt").write_text("nothing = [of use\n")
    (folder / "bare" / "note.txt").write_text("note")
    (folder / "number.toml").write_text('people = "many"\n')
    (folder / "labelled" / "labels.csv").write_text("input,begin,end\nx.mp4,1,2\n")
    for log in folder.glob("*/tables/*/_delta_log"):
        (log / "00000000000000000000.json").write_text('{"protocol":{"minReaderVersion":1,"minWr')
    append_run(str(folder / "cut"), {"run_id": "1", "started_at": datetime.now(UTC)})
    for file in (folder / "cut").glob("tables/runs/*.parquet"):
        file.write_bytes(file.read_bytes()[:200])
    os.mkfifo(folder / "pipe")
    return folder


def _written(place: Path) -> list[tuple[str, int]]:
    return sorted((str(p), p.stat().st_size) for p in place.rglob("*"))


@pytest.mark.parametrize(("line", "word"), WRONG, ids=[line for line, _ in WRONG])
def test_wrong_use_is_told_in_one_line_and_writes_nothing(
    line: str,
    word: str,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(place)
    before = _written(place)
    with pytest.raises(SystemExit) as ended:
        cli.main(shlex.split(line))
    said = capfd.readouterr()
    assert ended.value.code == cli.WRONG_USAGE, said.err
    help_alone = line in ("evaluate",)
    assert help_alone or len(said.err.splitlines()) == 1, said.err
    assert word in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    assert _written(place) == before


@pytest.mark.parametrize(
    "line",
    [
        "score in -o out",
        "learn press in/clip.mp4 -o out",
        "train labelled -o out --workers 2",
        "evaluate scoring labelled --workers 2",
    ],
)
def test_a_temporary_folder_too_long_for_sockets_is_told_before_ray_starts(
    line: str, place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setenv("TMPDIR", str(place / (60 * "x")))
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    with pytest.raises(SystemExit) as ended:
        cli.main(line.split())
    assert ended.value.code == cli.WRONG_USAGE
    (said,) = capfd.readouterr().err.splitlines()
    assert "TMPDIR" in said
    assert "107" in said
    assert not (place / "out").exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
@pytest.mark.parametrize(
    "line", ["score in -o out", "learn press in/clip.mp4 -o out", "train labelled -o out"]
)
def test_an_output_that_takes_no_bytes_is_told_before_the_run(
    line: str,
    number: int,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.chdir(place)
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(SystemExit) as ended:
        cli.main(line.split())
    assert ended.value.code == cli.WRONG_USAGE
    (said,) = capfd.readouterr().err.splitlines()
    assert os.strerror(number) in said
    assert not (place / "out").exists()


def test_a_full_disk_is_found_among_the_causes() -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "part.parquet")
    outer = RuntimeError("bundle failed")
    outer.__cause__ = full
    assert full_disk(outer) == str(full)
    assert (
        full_disk(RuntimeError("write: No space left on device (os error 28)\n at x")) is not None
    )
    assert full_disk(RuntimeError("bundle failed")) is None


@pytest.mark.parametrize("kind", [OSError, DatasetUnusable])
def test_a_disk_that_fills_in_the_middle_has_one_message(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fill(*_: object, **__: object) -> None:
        raise kind(f"x.parquet: {os.strerror(errno.ENOSPC)}")

    monkeypatch.setattr(cli.cli, "main", fill)
    with pytest.raises(SystemExit) as ended:
        cli.main(["score", "in"])
    assert ended.value.code == cli.CRASHED
    assert capfd.readouterr().err == (
        "repscore: the disk is full (x.parquet: No space left on device); what was committed is "
        "whole: free some space; the same command continues where it stopped\n"
    )
