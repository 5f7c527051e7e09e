"""The Dockerfile: what it installs, what it copies, what it fixes."""

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from infra_copies import broken
from infra_image import DOCKERFILE, ROOT, Image, context, instructions

PINS = [ROOT / "constraints.txt", DOCKERFILE.with_name("constraints.txt")]


def _said(image: Image, *command: str, cwd: Path) -> str:
    """What a program of the image prints; it finds neither this environment nor the sources."""
    program, *words = command
    environment = {
        "PATH": f"{image.bin}:/usr/bin:/bin",
        "HOME": os.environ["HOME"],
        "REPSCORE_CACHE": str(cwd / "cache"),
    }
    done = subprocess.run(
        [str(image.bin / program), *words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_installed_command_runs(image: Image, tmp_path: Path) -> None:
    assert "score" in _said(image, "repscore", "--help", cwd=tmp_path)
    _said(image, "repscore", "weights", "--model", "full", cwd=tmp_path)
    found = json.loads(_said(image, "repscore", "doctor", "--json", cwd=tmp_path))
    assert not [each for each in found if each["needed"] and not each["good"]]
    where = _said(image, "python", "-c", "import repscore; print(repscore.__file__)", cwd=tmp_path)
    assert where.startswith(str(image.bin.parent))


def test_every_installed_package_is_pinned(image: Image, tmp_path: Path) -> None:
    listed = _said(
        image, "uv", "pip", "freeze", "--python", str(image.bin / "python"), cwd=tmp_path
    )
    pins = {line for path in PINS for line in path.read_text().splitlines()}

    assert {line for line in listed.splitlines() if not line.startswith("repscore")} <= pins
    assert "apache-beam==2.77.0" in listed.splitlines()


def test_programs_of_ray_and_of_beams_workers_are_there(image: Image, tmp_path: Path) -> None:
    _said(image, "ray", "job", "submit", "--help", cwd=tmp_path)  # ray[default] alone has it
    _said(image, "repscore-worker", "--help", cwd=tmp_path)


def test_the_version_of_beam_is_the_one_of_pyproject() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    beam = re.search(r"(?m)^ARG BEAM=(.*)$", DOCKERFILE.read_text())
    assert beam is not None
    assert f"apache-beam=={beam[1]}" in wanted
    release = re.search(r"(?m)^ARG VERSION=(.*)$", DOCKERFILE.read_text())
    assert release is not None
    assert release[1] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_the_context_holds_what_is_copied_and_no_weights(image: Image) -> None:
    last = {"infra/dataflow/launch.py"}
    assert context() == image.copied | last
    assert not [name for name in context() if name.endswith((".tflite", ".task"))]


def test_it_runs_as_a_user_of_its_own_and_weights_are_asked_for() -> None:
    text = DOCKERFILE.read_text()
    assert re.search(r"(?m)^ARG WEIGHTS=$", text)
    assert re.search(r"(?m)^ARG USER_ID=[1-9]", text)
    assert [rest for word, rest in instructions("bookworm") if word == "USER"][-1] == "${USER_ID}"


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("python:3.11-slim-bookworm AS build", "python:latest AS build", "DL3007"),
        ("WORKDIR /build", "WORKDIR build", "DL3000"),
        ("COPY src src", "COPPY src src", "unexpected"),
        ("USER ${USER_ID}", "USER root", "DL3002"),
    ],
)
def test_hadolint_sees_what_is_wrong(tmp_path: Path, old: str, new: str, rule: str) -> None:
    assert rule in broken(tmp_path, "container/Dockerfile", old, new, checker="hadolint")
