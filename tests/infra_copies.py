"""Copies of infra/ with something wrong, and what `make infra` says of them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra import check


def broken(copy: Path, file: str, old: str, new: str, *, checker: str) -> str:
    """The output of a check that has to fail, since a file holds `new` in place of `old`.

    `file` is relative to infra/ and `copy` is where the copy goes. There run the checks named
    `checker` of the nearest `checks.toml`.
    """
    folder = Path(file).parent
    while not (check.HERE / folder / "checks.toml").exists():
        folder = folder.parent
    for each in check.checks_of(check.HERE / folder):
        missing = [name for name in each.tools if not check.installed(name)]
        if each.checker == checker and missing:
            pytest.skip(f"{', '.join(missing)} not installed: run `make infra`")
    ignored = shutil.ignore_patterns("__pycache__", ".terraform", "target")
    shutil.copytree(check.HERE, copy / "infra", ignore=ignored)
    path = copy / "infra" / file
    text = path.read_text("utf-8")
    assert old in text, f"{file} has no {old!r}"
    path.write_text(text.replace(old, new, 1), "utf-8")
    done = subprocess.run(
        [sys.executable, check.__file__, "--only", copy / "infra" / folder, "--checker", checker],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, f"{checker} found nothing wrong:\n{done.stdout}{done.stderr}"
    return done.stdout
