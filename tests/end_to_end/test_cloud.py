"""The guide for buckets, followed on emulators, gives the rows of a local run."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keypoints
import numpy as np
import pytest
import videos
from emulators import Store

from repscore.pipelines.query import query
from repscore.pipelines.runner.prism import find_prism

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "cloud.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(line) for line in re.findall(r"(?m)^    repscore (.*)$", GUIDE)]
FAKE = ["--estimator", "fakes:ArmRaiser"]
TIMES = {"60": "1"}
"""What the guide gives in seconds and a test need not wait for."""


def raises(path: Path, seconds: float) -> None:
    """Keypoints of a person who raises both arms every two seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    places = np.stack([keypoints.blazepose(number / 10) for number in range(round(seconds * 10))])
    np.savez(path, image_px=places, fps=10.0, size_px=[640, 480])


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings of keypoints, a video, and a text that calls itself a video."""
    folder = tmp_path_factory.mktemp("bucket")
    for name, seconds in (("a", 8.0), ("b 1", 12.0)):
        raises(folder / "videos" / f"{name}.keypoints.npz", seconds)
    raises(folder / "references" / "raise.keypoints.npz", 10.0)
    videos.plain(folder / "videos" / "c.mp4", frames=60)
    (folder / "videos" / "d.mp4").write_text("no video")
    return folder


def run(commands: Sequence[Sequence[str]], environment: dict[str, str]) -> list[dict[str, Any]]:
    """What each command answers; all run in one process."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "commands.py")],
        input=json.dumps(commands),
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def at(place: str) -> list[list[str]]:
    """The commands of the guide in another place, with an estimator that needs no weights."""
    found = []
    for words in COMMANDS:
        words = [TIMES.get(word, word).replace("gs://bucket", place) for word in words]
        quick = [*FAKE, "--actors", "1"] if words[0] in ("score", "watch", "replay") else []
        quick += ["--every", "0.5"] if words[0] == "watch" else []
        found.append([*words, *quick, *([] if words[0] == "learn" else ["--json"])])
    return found


def rows(root: str) -> dict[str, list[tuple[object, ...]]]:
    """The rows of a dataset without what names the place, the content or the run."""
    found = {}
    for table, uri in (
        *(("videos", "uri"), ("repetitions", "video_uri"), ("sets", "video_uri")),
        *(("feedback", "video_uri"), ("failures", "uri")),
    ):
        relation = query(root, f"SELECT * FROM {table} LIMIT 0")
        assert relation is not None
        left_out = {
            *("video_id", "fingerprint", "stamp", "arrived_at", "run_id", "processed_at", "config"),
            *("pose_s", "message", uri),
        } & set(relation.columns)
        sql = f"""
            SELECT regexp_extract({uri}, '[^/]*$') AS name, * EXCLUDE ({", ".join(left_out)})
            FROM {table} ORDER BY ALL"""
        relation = query(root, sql)
        assert relation is not None
        found[table] = relation.fetchall()
    return found


@pytest.fixture(scope="module")
def local(archive: Path) -> dict[str, list[tuple[object, ...]]]:
    """The rows that the guide gives in a folder."""
    answers = run([words for words in at(str(archive)) if words[0] != "watch"], {})
    assert [answer["status"] for answer in answers] == [0] * len(answers), answers
    return rows(str(archive / "dataset"))


@pytest.mark.skipif(find_prism() is None, reason="needs Prism: run `make prism`")
def test_the_guide_gives_the_rows_of_a_local_run(
    store: Store, archive: Path, local: dict[str, list[tuple[object, ...]]]
) -> None:
    bucket = store.new_bucket()
    for folder in ("videos", "references"):
        store.put_folder(f"{bucket}/{folder}", archive / folder)

    answers = run(at(bucket), dict(store.environment))

    assert [answer["status"] for answer in answers] == [0] * len(answers), answers
    said = [(words[0], answer["out"]) for words, answer in zip(COMMANDS, answers, strict=True)]
    by_name = dict(said)
    first, refreshed = (json.loads(out) for name, out in said if name == "score")
    assert (first["inputs"], first["videos"], first["failures"]) == (4, 4, 1)
    assert json.loads(by_name["rescore"])["videos"] == 3
    assert json.loads(by_name["replay"])["failures"] == 1
    assert (refreshed["videos"], refreshed["skipped"]) == (0, 4)
    assert "raise" in by_name["query"] or json.loads(by_name["query"])
    assert rows(f"{bucket}/dataset") == local
    assert len(local["repetitions"]) == 3 + 5 + 2
