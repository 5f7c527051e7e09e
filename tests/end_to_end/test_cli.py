"""The command line: what wrong usage says, what is imported, what comes out."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import videos

from repscore.pipelines.signals import line_of


def repscore(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "repscore.pipelines", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from repscore.pipelines.cli import cli;"
        "cli.main(['--help'], standalone_mode=False);"
        "heavy = {'torch', 'apache_beam', 'ray', 'cv2', 'mediapipe', 'numpy', 'duckdb'};"
        "sys.exit(', '.join(heavy & sys.modules.keys()) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"imported: {done.stderr}"
    assert "score" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["score"], "INPUT"),
        (["score", "x.mp4"], "--output"),
        (["score", "x.mp4", "-o", "out", "--sample-fps", "fast"], "native"),
        (["scores"], "scores"),
        (["query", "nowhere", "select 1"], "nowhere"),
        (["replay", "nowhere"], "nowhere"),
    ],
)
def test_wrong_usage_answers_in_one_line(
    arguments: list[str], word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = repscore(*arguments)
    assert done.returncode == 2
    assert word in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert list(tmp_path.iterdir()) == [], "nothing is written"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("score", "interrupted; the same command continues where it stopped"),
        ("train", "interrupted; with --resume the same command continues where it stopped"),
        ("evaluate", "interrupted"),
    ],
)
def test_who_interrupts_is_told_how_to_go_on(command: str, words: str) -> None:
    assert line_of(command, signal.SIGINT) == f"repscore: {words}"


def test_a_missing_input_stops_the_run_before_it_starts(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = repscore("score", str(tmp_path / "gone.mp4"), "-o", str(out))
    assert done.returncode == 2
    assert "gone.mp4" in done.stderr
    assert not out.exists()


def test_options_come_from_a_file_and_unknown_ones_are_named(tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text('colour = "red"\n')
    done = repscore("score", "--config", str(config), str(tmp_path), "-o", str(tmp_path / "out"))
    assert done.returncode == 2
    assert "colour" in done.stderr


def test_an_unknown_estimator_answers_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    out = tmp_path / "out"
    done = repscore("score", str(tmp_path), "-o", str(out), "--estimator", "crystal_ball")
    assert done.returncode == 2, done.stderr
    assert "crystal_ball" in done.stderr
    assert "mediapipe" in done.stderr, "what was expected"
    assert len(done.stderr.splitlines()) == 1
    assert not out.exists()


def test_options_of_a_file_are_called_as_on_the_command_line(tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text(
        'estimator = "fakes:ArmRaiser"\nreference = ["squat=gone.mp4"]\njson = true\n'
    )
    (tmp_path / "a.mp4").touch()
    done = repscore("score", str(tmp_path), "-o", str(tmp_path / "out"), "--config", str(config))
    assert done.returncode == 2
    assert "gone.mp4" in done.stderr


def test_json_failure_rate_replay_and_duplicates(tmp_path: Path) -> None:
    archive, out = tmp_path / "archive", str(tmp_path / "out")
    archive.mkdir()
    clip = videos.plain(archive / "a.mp4", frames=60)
    (archive / "b.mp4").write_bytes(clip.read_bytes())
    (archive / "broken.mp4").write_bytes(b"")
    config = tmp_path / "run.toml"
    config.write_text('estimator = "fakes:ArmRaiser"\nmax-failure-rate = 0.1\nactors = 1\n')
    done = repscore("score", str(archive), "-o", out, "--config", str(config), "--json")
    assert done.returncode == 3, done.stderr
    report = json.loads(done.stdout)
    assert (report["inputs"], report["videos"], report["failures"]) == (3, 2, 1)
    assert report["frames"] == 60, "one content under two names is estimated once"

    (archive / "broken.mp4").write_bytes(videos.plain(tmp_path / "c.mp4", frames=30).read_bytes())
    refused = repscore("replay", out, "--json")
    assert refused.returncode == 2
    assert "give --estimator fakes:ArmRaiser" in refused.stderr
    again = repscore("replay", out, "--estimator", "fakes:ArmRaiser", "--actors", "1", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["videos"] == 1

    sql = "select uri, status, duplicate_of, repetitions from videos order by uri"
    rows = json.loads(repscore("query", out, sql, "--json").stdout)
    assert [row["status"] for row in rows] == ["ok", "ok", "ok"]
    assert [row["duplicate_of"] for row in rows] == [None, str(clip), None]
    failures = json.loads(repscore("query", out, "from failures", "--json").stdout)
    assert failures == []
    assert "3 inputs" in repscore("summary", out).stdout
