"""The environment of the image, made as the Dockerfile makes it."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[1]
DOCKERFILE = ROOT / "infra" / "container" / "Dockerfile"


@dataclass(frozen=True)
class Image:
    """What the Dockerfile's stage `build` leaves.

    Attributes:
        bin: the programs of its environment.
        copied: the files that it was given, relative to the repository.
    """

    bin: Path
    copied: frozenset[str]


def instructions(stage: str) -> list[tuple[str, str]]:
    """Instructions of a stage, without comments: pairs such as ("RUN", "useradd ...")."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    whole = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    pairs = [tuple(line.split(maxsplit=1)) for line in whole.splitlines() if line]
    first = next(
        n for n, (word, rest) in enumerate(pairs) if (word, rest[-len(stage) :]) == ("FROM", stage)
    )
    after = [n for n, (word, _) in enumerate(pairs) if word == "FROM" and n > first]
    return [(word, rest) for word, rest in pairs[first + 1 : after[0] if after else None]]


def context() -> frozenset[str]:
    """The files that Docker may copy: those of git that the .dockerignore lets through."""
    listed = subprocess.run(
        ["/usr/bin/git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    rules = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().splitlines()
    allowed = [rule[1:] for rule in rules if rule.startswith("!")]
    denied = [rule.removeprefix("**/") for rule in rules if rule.startswith("**/")]
    return frozenset(
        name
        for name in listed.stdout.splitlines()
        if any(name == rule or name.startswith(f"{rule}/") for rule in allowed)
        and not any(
            PurePosixPath(part).match(rule) for part in PurePosixPath(name).parts for rule in denied
        )
    )


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Follows the stage `build` step by step in a fresh folder, with the files of the context."""
    folder = tmp_path_factory.mktemp("image")
    work, venv = folder / "build", folder / "venv"
    # The package index has torch for CUDA alone; that for the CPU comes from PyTorch's own.
    environment = {**os.environ, "DEVICE": "cuda"}
    for name in ("VIRTUAL_ENV", "PYTHONPATH"):
        environment.pop(name, None)
    files, copied = context(), set()
    for word, rest in instructions("AS build"):
        if word == "COPY":
            *sources, target = rest.split()
            for source in sources:
                names = [n for n in files if n == source or n.startswith(f"{source}/")]
                assert names, f"COPY {source}: the .dockerignore leaves nothing of it"
                for name in names:
                    place = work / (name if len(sources) == 1 else f"{target}/{name}")
                    place.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(ROOT / name, place, follow_symlinks=False)
                copied.update(names)
        elif word == "RUN":
            command = re.sub(r"--mount=\S+ ", "", rest).replace("/opt/venv", str(venv))
            done = subprocess.run(
                ["/bin/sh", "-c", command],
                cwd=work,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return Image(venv / "bin", frozenset(copied))
