"""The runbook of docs/operations.md: its commands as they stand there, in an emulated bucket."""

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from emulators import Store
from keypoints import raises_npz

from repscore.pipelines.cli import cli
from repscore.pipelines.query import query

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
RUNBOOK = PAGE.read_text(encoding="utf-8").partition("## Runbook\n")[2].partition("\n## ")[0]
SECTIONS = {
    title: [shlex.split(line) for line in re.findall(r"(?m)^    repscore (.*)$", text)]
    for title, text in re.findall(r"(?ms)^### (.+?)\n(.*?)(?=^### |\Z)", RUNBOOK)
}


def uris(root: str) -> list[str]:
    relation = query(root, "SELECT uri FROM videos ORDER BY 1")
    assert relation is not None
    return [uri.rpartition("/")[2].partition(".")[0] for (uri,) in relation.fetchall()]


@pytest.mark.parametrize("store", ["s3"], indirect=True)
@pytest.mark.weights("full")
def test_the_runbook(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bucket = store.new_bucket()
    raises_npz(tmp_path / "videos" / "today.keypoints.npz", 8.0)
    raises_npz(tmp_path / "references" / "raise.keypoints.npz", 10.0)
    for folder in ("videos", "references"):
        store.put_folder(f"{bucket}/{folder}", tmp_path / folder)
    dataset = f"{bucket}/dataset"
    run = ""

    def follow(title: str, *statuses: int) -> list[str]:
        """What the commands of a section print."""
        printed = []
        for words in SECTIONS.pop(title):
            there = [
                run if word == "RUN" else word.replace("gs://bucket", bucket) for word in words
            ]
            result = CliRunner().invoke(cli, there)
            assert result.exit_code in (statuses or (0,)), (there, result.output)
            printed.append(result.stdout if "--json" in words else result.output)
        return printed

    *_, summary = follow("The first run", 0, 1)  # doctor: what is missing for others is no matter
    assert "1 videos" in summary or "today" in summary, summary
    relation = query(dataset, "SELECT run_id FROM runs")
    assert relation is not None
    ((run,),) = relation.fetchall()

    raises_npz(tmp_path / "2024" / "2024-01.keypoints.npz", 12.0)
    store.put_folder(f"{bucket}/videos", tmp_path / "2024")
    follow("Backfill")
    assert uris(dataset) == ["2024-01", "today"]

    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "broken.keypoints.npz").write_bytes(b"nothing")
    store.put_folder(f"{bucket}/videos", tmp_path / "bad")
    _, changes = follow("Every night", 0, 3)
    assert json.loads(changes)["counts"] == {"new": 1}
    assert (tmp_path / "repscore.prom").read_text().count("repscore_") > 5

    *_, changes = follow("A new scorer")
    assert "new scorer" in changes
    (planned,) = follow("An upgrade")
    assert "3" in planned
    causes, _ = follow("Failed inputs")
    assert "permanent" in causes
    (restored,) = follow("Back to an earlier state")
    assert "videos 1" in restored
    assert uris(dataset) == ["today"]
    assert all(not commands for commands in SECTIONS.values()), SECTIONS
