"""The script behind `make infra`: what it runs, what it prints, when it fails."""

import subprocess
import sys
from pathlib import Path

import pytest
from infra_copies import broken

from infra import check

CHECKS = """
[[check]]
files = "*.txt"
checker = "grep"
command = "grep good {file}"

[[check]]
files = ["a.txt", "b.txt"]
checker = "both"
command = "cat a.txt b.txt"

[[check]]
files = "a.txt"
checker = "cloud"
not_run = "needs a cloud"
"""


def _run(folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, check.__file__, "--only", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def _folder(path: Path, checks: str, **files: str) -> Path:
    (path / "checks.toml").write_text(checks)
    for name, text in files.items():
        (path / f"{name}.txt").write_text(text)
    return path


def test_the_table_has_each_file_and_what_was_not_run(tmp_path: Path) -> None:
    status, text = _run(_folder(tmp_path, CHECKS, a="good", b="good"))

    assert status == 0, text
    assert [line.split()[1:] for line in text.splitlines()] == [
        ["grep", "ok"],
        ["grep", "ok"],
        ["both", "ok"],
        ["cloud", "not", "run:", "needs", "a", "cloud"],
    ]


def test_one_failure_fails_and_shows_its_output_alone(tmp_path: Path) -> None:
    checks = CHECKS.replace("grep good {file}", "cat {file}; grep good {file}")

    status, text = _run(_folder(tmp_path, checks, a="good", b="bad"))

    assert status == 1
    table, *details = text.split("\n---")
    assert table.count("FAILED") == 1
    assert len(details) == 1
    assert "b.txt, grep\nbad" in details[0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"a.txt"\nchecker', '"c.txt"\nchecker', "no file is c.txt"),
        ("not_run =", "not_runn =", "expected keys"),
        ('not_run = "needs a cloud"', "", "either command or not_run"),
        ("cat a.txt b.txt", "no-such-tool", "no-such-tool: command not found"),
    ],
)
def test_a_wrong_check_fails(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in CHECKS

    status, text = _run(_folder(tmp_path, CHECKS.replace(old, new), a="good", b="good"))

    assert status == 1
    assert message in text


def test_a_tool_that_cannot_be_installed_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = {"grep": {"pypi": f"{tmp_path}/no-such-package"}}
    monkeypatch.setattr(check, "TOOLS", tools)
    monkeypatch.setenv("REPSCORE_CACHE", str(tmp_path))

    results = [
        each
        for one in check.checks_of(_folder(tmp_path, CHECKS, a="good", b="good"))
        for each in check.run_check(one)
    ]

    assert [each.state for each in results] == ["FAILED", "FAILED", "ok", "not run"]
    assert "uv pip install" in results[0].text


def test_a_tool_that_the_machine_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "TOOLS", {"no-such-tool": {"path": "a package"}})
    checks = CHECKS.replace('checker = "grep"', 'checker = "no-such-tool"')

    first = check.run_check(check.checks_of(_folder(tmp_path, checks, a="good", b="good"))[0])

    assert {(each.state, each.text) for each in first} == {
        ("not run", "needs no-such-tool on PATH: a package")
    }


def test_a_script_with_an_unquoted_name_fails(tmp_path: Path) -> None:
    output = broken(tmp_path, "go.sh", 'cd "$work"', "cd $work", checker="shellcheck")

    assert "SC2086" in output
