"""Runs of the program over a small archive, and the rows that they give."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import videos
from rows import Rows, tables

Tables = dict[str, Rows]

CUT: Final = ("--segment-seconds", "5")
FAKES: Final = ("--estimator", "fakes:ArmRaiser")


def repscore(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "repscore.pipelines", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=600, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip


def score(archive: Path, root: Path, *options: str, videos: int = 5, **environment: str) -> Tables:
    """The tables of a run over `small_archive`."""
    workers = ("--actors", "3", "--cpus-per-actor", "0.5")
    command = ("score", str(archive), "-o", str(root), *FAKES, *workers, "--json", *options)
    done = repscore(*command, **environment)
    assert done.returncode == 0, done.stderr
    return scored(done.stdout, root, videos)


def scored(output: str, root: Path, videos: int = 5) -> Tables:
    """The tables of a run that printed this; a content in several groups counts in each."""
    run = json.loads(output)
    assert (run["videos"], run["frames"]) == (videos, 678), (
        "the counters of the stages come through"
    )
    assert 0 < run["start_up_s"] < run["wall_s"]
    return tables(root)


def small_archive(folder: Path) -> Path:
    """Four videos of 15 to 19 s, a copy of one, and a file that is no video."""
    for index in range(4):
        videos.plain(folder / f"{index}.mp4", frames=150 + 13 * index)
    (folder / "copy.mp4").write_bytes((folder / "2.mp4").read_bytes())
    (folder / "broken.mp4").write_bytes(b"\0" * 100)
    return folder
