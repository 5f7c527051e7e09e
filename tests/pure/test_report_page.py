"""The page of `repscore report`: what is in it, and that names in it stay text."""

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import report_datasets
from click.testing import CliRunner

from repscore.pipelines.cli import cli
from repscore.pipelines.report_page import page
from repscore.pipelines.report_page.page import link, write_report

HOSTILE = "/films/<img src=x onerror=alert(1)>\"'&</script>\u202egpj.mp4"
VENDORED = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five squats of which the last is short; clean ones under a hostile name; one failure."""
    root = tmp_path_factory.mktemp("report") / "dataset"
    clips = {
        "/films/squats.mp4": report_datasets.squats(),
        HOSTILE: report_datasets.squats(short=False, repetitions=3, seed=1),
    }
    return report_datasets.write(root, clips, failed="/films/<b>broken</b>.mp4")


def parts(html: str) -> dict[str, Any]:
    """What the page holds as JSON, by id."""
    found = re.findall(r'<script type="application/json" id="([^"]+)">(.*?)</script>', html, re.S)
    return {name: json.loads(text) for name, text in found}


@pytest.fixture(scope="module")
def html(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    written = write_report(str(dataset), str(path))
    assert (written.inputs, written.detailed) == (2, 2)
    assert written.size_bytes == path.stat().st_size
    return path.read_text(encoding="utf-8")


def test_the_page_holds_the_repetitions_and_their_remarks(html: str) -> None:
    held = parts(html)

    (row,) = [each for each in held["table"] if "squats.mp4" in each[1]]
    detail = held[f"video-{row[0]}"]
    assert [each["odd"] for each in detail["repetitions"]] == [False] * 4 + [True]
    assert min(each["score"] for each in detail["repetitions"][:4]) > 80
    assert detail["repetitions"][4]["score"] < 70
    (first, *_) = detail["repetitions"][4]["remarks"]
    assert first["joint"].endswith(("knee", "hip"))
    assert first["message"]
    (group,) = detail["sets"]
    assert group["repetitions"] == 5
    assert group["count_low"] <= 5 <= group["count_high"]
    assert group["angle"].endswith(("knee", "hip"))


def test_the_page_needs_nothing_but_itself(html: str) -> None:
    assert "default-src 'none'" in html
    assert re.findall(r"<(?:link|iframe|object|embed|base)\b", html) == []
    assert re.findall(r"<(?:script|img|video)[^>]*\bsrc=", html) == []
    assert "@import" not in html
    assert "url(" not in html


def test_names_stay_text(html: str) -> None:
    assert "<img" not in html
    assert "<b>broken" not in html
    assert "&lt;b&gt;broken" in html
    assert "\u202e" not in html
    names = [row[1] for row in parts(html)["table"]]
    assert HOSTILE.replace("\u202e", "\\u202e") in names


def test_failures_come_with_cause_and_remedy(html: str) -> None:
    assert "ProbeError" in html
    assert "Mend or replace the input" in html


def test_match_leaves_other_inputs_out(dataset: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    output = tmp_path / "squats.html"

    done = runner.invoke(
        cli, ["report", str(dataset), "-o", str(output), "--match", "SQUATS", "--json"]
    )

    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["listed"] == 1
    text = output.read_text(encoding="utf-8")
    assert "gpj" not in text
    assert "ProbeError" not in text


def test_what_does_not_fit_is_left_out_and_said(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "MOST_DETAILED", 1)

    written = write_report(str(dataset), str(tmp_path / "report.html"))

    held = parts((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert written.detailed == 1
    assert held["count"] == [1, 2]
    assert "video-0" in held
    assert "video-1" not in held


def test_without_poses_the_page_says_why(dataset: Path, tmp_path: Path) -> None:
    copy = tmp_path / "dataset"
    shutil.copytree(dataset, copy)
    shutil.rmtree(copy / "poses")

    write_report(str(copy), str(tmp_path / "report.html"))

    detail = parts((tmp_path / "report.html").read_text(encoding="utf-8"))["video-0"]
    assert "not in the store" in detail["missing"]
    assert detail["repetitions"]
    assert detail["signals"] == []


def test_where_there_is_no_dataset_the_command_says_so(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["report", str(tmp_path / "nothing")])

    assert done.exit_code == 1
    assert "no dataset" in done.output


def test_links_are_relative_and_cannot_run_a_script(tmp_path: Path) -> None:
    video = tmp_path / "films" / 'a "b" #1?.mp4'
    video.parent.mkdir()
    video.write_bytes(b"")

    assert link(str(video), tmp_path / "pages") == "../films/a%20%22b%22%20%231%3F.mp4"
    assert link("https://example.org/a.mp4", tmp_path) == "https://example.org/a.mp4"
    assert link("javascript:alert(1)", tmp_path) is None
    assert link("gs://bucket/a.mp4", tmp_path) is None
    assert link(str(tmp_path / "gone.mp4"), tmp_path) is None


def test_vendored_files_are_those_of_uplot_1_6_32() -> None:
    folder = Path(page.__file__).parent / "vendor"

    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}

    assert found == VENDORED
