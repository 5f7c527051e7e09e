"""Check every file below infra/ with the tool that knows its format: `make infra`.

A folder names its checks in `checks.toml`; `tools.toml` says which package provides a tool:

    [[check]]
    files = "*.tf"                   # globs, relative to the folder
    checker = "terraform fmt"        # its first word is the tool
    with = ["tflint"]                # further tools that the command calls
    command = "terraform fmt -check {file}"    # {file}: once per file; else once for the folder

A check that cannot be made has `not_run = "the reason"` in place of a command. Commands are run by
bash in the folder, with the tools and repscore's environment first on PATH; {tool} is the folder
of the tool. Tools are installed in repscore's cache, once per version.
"""

import argparse
import fcntl
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repscore.models.weights import cache_dir

HERE = Path(__file__).parent
TOOLS: Mapping[str, Mapping[str, Any]] = tomllib.loads((HERE / "tools.toml").read_text("utf-8"))
_ENVIRONMENT = Path(sys.executable).parent
_TIME_LIMIT_S = 300.0
_TOOL_KEYS = {"pypi", "with", "go", "tags", "npm", "path"}
_RESOLVED_ON = "2026-11-30"  # what tools need in turn: as the package index was at that date
_CHECK_KEYS = {"files", "checker", "with", "command", "not_run"}


class CannotCheck(Exception):
    """A tool that could not be installed, or a check that is wrong."""


class NotHere(Exception):
    """A tool that only the machine's administrator can install."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check of a folder."""

    folder: Path
    checker: str
    files: tuple[str, ...]
    tools: tuple[str, ...] = ()
    command: str = ""
    not_run: str = ""


@dataclass(frozen=True)
class Result:
    """A line of the table; `state` is `ok`, `FAILED` or `not run`, `text` its output or reason."""

    file: str
    checker: str
    state: str
    text: str


def checks_of(folder: Path) -> list[Check]:
    """The checks that a folder's `checks.toml` names."""
    checks = []
    for entry in tomllib.loads((folder / "checks.toml").read_text("utf-8"))["check"]:
        if set(entry) - _CHECK_KEYS or ("command" in entry) == ("not_run" in entry):
            keys = ", ".join(sorted(_CHECK_KEYS))
            raise CannotCheck(
                f"{folder}/checks.toml: a check has {', '.join(entry)}; expected keys are {keys}, "
                "and either command or not_run"
            )
        patterns = [entry["files"]] if isinstance(entry["files"], str) else entry["files"]
        files = []
        for pattern in patterns:
            matches = sorted(str(path.relative_to(folder)) for path in folder.glob(pattern))
            if not matches:
                raise CannotCheck(f"{folder}/checks.toml: no file is {pattern}")
            files += matches
        named = (entry["checker"].split()[0], *entry.get("with", ()))
        checks.append(
            Check(
                folder=folder,
                checker=entry["checker"],
                files=tuple(files),
                tools=tuple(name for name in named if name in TOOLS),
                command=entry.get("command", ""),
                not_run=entry.get("not_run", ""),
            )
        )
    return checks


def tool_folder(name: str) -> Path:
    """Where a tool is or will be installed; a new version has another folder."""
    spec = json.dumps(TOOLS[name], sort_keys=True)
    return cache_dir() / "infra" / f"{name}-{hashlib.sha256(spec.encode()).hexdigest()[:12]}"


def installed(name: str) -> bool:
    """Whether a tool is in the cache, or on PATH where nothing else provides it."""
    if "path" in TOOLS[name]:
        return shutil.which(name) is not None
    return (tool_folder(name) / ".ready").exists()


def install(name: str) -> None:
    """Put a tool into the cache, once; another run of this script may do the same meanwhile."""
    spec = TOOLS[name]
    if unknown := set(spec) - _TOOL_KEYS:
        raise CannotCheck(f"infra/tools.toml, {name}: unknown {', '.join(sorted(unknown))}")
    if installed(name):
        return
    if "path" in spec:
        raise NotHere(f"needs {name} on PATH: {spec['path']}")
    folder = tool_folder(name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if installed(name):
            return
        shutil.rmtree(folder, ignore_errors=True)
        if "pypi" in spec:
            _install_from_pypi(folder, [spec["pypi"], *spec.get("with", ())])
        elif "go" in spec:
            _build_from_go(folder, spec["go"], spec.get("tags", ""))
        else:
            # The package alone: nothing of it runs when it is installed.
            options = ["--no-audit", "--no-fund", "--ignore-scripts", "--legacy-peer-deps"]
            _run(["npm", "install", *options, "--prefix", folder, spec["npm"]])
        (folder / ".ready").touch()


def _install_from_pypi(folder: Path, packages: Iterable[str]) -> None:
    uv = _ENVIRONMENT / "uv"
    _run([uv, "venv", "--quiet", "--python", sys.executable, folder])
    where: list[str | Path] = [
        "--python",
        folder / "bin" / "python",
        "--exclude-newer",
        _RESOLVED_ON,
    ]
    _run([uv, "pip", "install", "--quiet", *where, *packages])


def _build_from_go(folder: Path, package_at_version: str, tags: str) -> None:
    # Not `go install`: it refuses modules that replace others.
    if not shutil.which("go"):
        install("go")
    (folder / "bin").mkdir(parents=True)
    package = package_at_version.partition("@")[0]
    with tempfile.TemporaryDirectory() as work:
        for command in (
            ["go", "mod", "init", "local.build/build"],
            ["go", "get", package_at_version],
            ["go", "build", "-tags", tags, "-o", f"{folder / 'bin'}/", package],
        ):
            _run(command, cwd=Path(work), environment=_environment(["go"]))


def _run(
    command: Iterable[str | Path],
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise CannotCheck(f"{words[0]} cannot be started: {error}") from error
    if done.returncode:
        raise CannotCheck(f"{shlex.join(words)} ended with {done.returncode}\n{done.stderr}")


def _environment(tools: Iterable[str]) -> dict[str, str]:
    places = [
        str(tool_folder(name) / sub) for name in tools for sub in ("bin", "node_modules/.bin")
    ]
    return os.environ | {"PATH": os.pathsep.join([*places, str(_ENVIRONMENT), os.environ["PATH"]])}


def run_check(check: Check) -> list[Result]:
    """Run a check: one result per file, or one for the folder."""
    separate = "{file}" in check.command or bool(check.not_run)
    targets = check.files if separate else (", ".join(check.files),)
    names = [_shown(check.folder, target if separate else "") for target in targets]
    if not separate and len(check.files) == 1:
        names = [_shown(check.folder, check.files[0])]
    if check.not_run:
        return [Result(name, check.checker, "not run", check.not_run) for name in names]
    results = []
    for target, name in zip(targets, names, strict=True):
        try:
            for tool in check.tools:
                install(tool)
            done = subprocess.run(
                [
                    "bash",
                    "-eo",
                    "pipefail",
                    "-c",
                    _filled(check, target),
                ],
                cwd=check.folder,
                env=_environment(check.tools),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=_TIME_LIMIT_S,
                check=False,
            )
            state, text = ("FAILED" if done.returncode else "ok"), done.stdout
        except NotHere as reason:
            state, text = "not run", str(reason)
        except CannotCheck as error:
            state, text = "FAILED", str(error)
        except subprocess.TimeoutExpired:
            state, text = "FAILED", f"no end after {_TIME_LIMIT_S:.0f} s"
        results.append(Result(name, check.checker, state, text))
    return results


def _filled(check: Check, file: str) -> str:
    command = check.command.replace("{file}", shlex.quote(file))
    folder = str(tool_folder(check.tools[0])) if check.tools else ""
    return command.replace("{tool}", shlex.quote(folder))


def _shown(folder: Path, file: str) -> str:
    path = folder / file
    return str(path.relative_to(HERE.parent) if path.is_relative_to(HERE.parent) else path)


def _table(results: Iterable[Result]) -> str:
    rows = [(each.file, each.checker, each.state, each.text) for each in results]
    wide = [max(len(row[column]) for row in rows) for column in range(2)]
    return "\n".join(
        f"{file:<{wide[0]}}  {checker:<{wide[1]}}  {state}"
        + (f": {text}" if state == "not run" else "")
        for file, checker, state, text in rows
    )


def main() -> int:
    """Run the checks, print the table and the output of what failed."""
    parser = argparse.ArgumentParser(description="Check the files of infra/.")
    parser.add_argument("--only", metavar="FOLDER", help="a folder of infra/, or a path")
    parser.add_argument("--checker", help="this checker alone")
    options = parser.parse_args()
    root = HERE / options.only if options.only else HERE  # an absolute path stays as it is
    try:
        checks = [
            check
            for place in sorted(root.rglob("checks.toml"))
            for check in checks_of(place.parent)
            if options.checker in (None, check.checker)
        ]
    except CannotCheck as error:
        print(error)
        return 1
    if not checks:
        print(f"no check in {root}")
        return 1
    with ThreadPoolExecutor(2) as pool:
        results = [each for group in pool.map(run_check, checks) for each in group]
    print(_table(results))
    failed = [each for each in results if each.state == "FAILED"]
    for each in failed:
        print(f"\n--- {each.file}, {each.checker}\n{each.text.rstrip()}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
