"""The guide for buckets, followed on emulators, gives the rows of a local run."""

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import videos
from emulators import FAKE_GCS, Store
from keypoints import raises_npz

from repscore.pipelines.query import query
from repscore.pipelines.runner.prism import find_prism

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "cloud.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(line) for line in re.findall(r"(?m)^    repscore (.*)$", GUIDE)]
FAKE = ["--estimator", "fakes:ArmRaiser"]
LIMIT_S = 600
TIMES = {"60": "1"}
"""What the guide gives in seconds and a test need not wait for."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings of keypoints, a video, and a text that calls itself a video."""
    folder = tmp_path_factory.mktemp("bucket")
    for name, seconds in (("a", 8.0), ("b 1", 12.0)):
        raises_npz(folder / "videos" / f"{name}.keypoints.npz", seconds)
    raises_npz(folder / "references" / "raise.keypoints.npz", 10.0)
    videos.plain(folder / "videos" / "c.mp4", frames=60)
    (folder / "videos" / "d.mp4").write_text("no video")
    return folder


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


@dataclass(frozen=True)
class Followed:
    """Where the guide was followed, and what its commands answered."""

    place: str
    answers: list[dict[str, Any]]


@pytest.fixture(scope="module")
def followed(archive: Path, request: pytest.FixtureRequest) -> dict[str, Followed]:
    """The guide in a folder and in a bucket of each emulator, all in one process: one Ray."""
    if find_prism() is None:
        pytest.skip("needs Prism: run `make prism`")
    names = ["s3", *(["gcs"] if FAKE_GCS.exists() else [])]
    stores: dict[str, Store] = {name: request.getfixturevalue(name) for name in names}
    places = {name: store.new_bucket() for name, store in stores.items()}
    for name, store in stores.items():
        for folder in ("videos", "references"):
            store.put_folder(f"{places[name]}/{folder}", archive / folder)
    places["local"] = str(archive)
    commands = [words for place in places.values() for words in at(place)]
    environment = {k: v for store in stores.values() for k, v in store.environment.items()}
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "commands.py")],
        input=json.dumps(commands),
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(commands)
    count = len(COMMANDS)
    return {
        name: Followed(place, answers[count * number : count * (number + 1)])
        for number, (name, place) in enumerate(places.items())
    }


@pytest.mark.parametrize("name", ["gcs", "s3"])
def test_the_guide_gives_the_rows_of_a_local_run(
    name: str,
    followed: dict[str, Followed],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store: Store = request.getfixturevalue(name)
    for variable, value in store.environment.items():
        monkeypatch.setenv(variable, value)
    here, local = followed[name], followed["local"]

    assert [answer["status"] for answer in here.answers] == [0] * len(COMMANDS), here.answers
    said = [(words[0], answer["out"]) for words, answer in zip(COMMANDS, here.answers, strict=True)]
    by_name = dict(said)
    first, refreshed = (json.loads(out) for command, out in said if command == "score")
    assert (first["inputs"], first["videos"], first["failures"]) == (4, 4, 1)
    assert json.loads(by_name["rescore"])["videos"] == 4
    assert json.loads(by_name["replay"])["failures"] == 1
    assert (refreshed["videos"], refreshed["skipped"]) == (0, 4)
    assert json.loads(by_name["summary"])["totals"]["repetitions"] == 4 + 6 + 3
    assert rows(f"{here.place}/dataset") == rows(f"{local.place}/dataset")
