"""A dataset of a stranger is data: it decides neither code nor machines nor places."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keypoints
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from deltalake import DeltaTable
from safetensors.numpy import save

from repscore.pipelines.cli import cli
from repscore.pipelines.last_run import last_run, replayed
from repscore.pipelines.score import UnusableConfiguration
from repscore.transforms.files import OutsideDataset, inside
from repscore.transforms.pose.pool_plan import PoolConfig
from repscore.transforms.pose.store import segment_folder
from repscore.transforms.tables.delta import append_run, write_batch

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STAMPS = {"run_id": "1", "processed_at": NOW}
POSES = {
    "estimator": "blazepose",
    "model": "full",
    "people": 1,
    "precision": "f32",
    "sample_fps": 15.0,
    "segment_s": 60.0,
    "warm_up_s": 1.0,
    "fps": None,
}
CONFIGURATION = {
    "poses": POSES,
    "person": "exercising",
    "pose_version": "blazepose-full-15fps-01234567",
    "scorer": None,
    "references": [],
    "inputs": [],
}


def dataset(root: Path, configuration: dict[str, Any] | str, **video: Any) -> str:
    """A dataset with one run, one video, and one failure of a file that is there."""
    text = configuration if isinstance(configuration, str) else json.dumps(configuration)
    append_run(
        str(root),
        {"run_id": "1", "started_at": NOW, "command": "score", "configuration": text},
    )
    lost = root.parent / "lost.mp4"
    lost.write_bytes(b"")
    row = {
        "video_id": "0123456789abcdef",
        "uri": "gs://bucket/a.mp4",
        "fingerprint": "f",
        "size_bytes": 1,
        "stamp": "s",
        "duplicate_of": None,
        "segments": 1,
        "status": "ok",
        "pose_version": "blazepose-full-15fps-01234567",
        "config": "c",
        **STAMPS,
    }
    failure = {"uri": str(lost), "stage": "probe", "error_class": "EmptyInput", "message": "m"}
    write_batch(
        str(root),
        {"videos": [{**row, **video}], "failures": [{**failure, "attempts": 1, **STAMPS}]},
    )
    return str(root)


def refused(*arguments: str) -> str:
    """The one line with which a command is refused."""
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code not in (0, None)
    assert isinstance(result.exception, SystemExit), result.exception
    (line,) = result.stderr.splitlines()
    return line


@pytest.fixture
def strange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that leaves a file behind when it is imported."""
    (tmp_path / "code").mkdir()
    mark = tmp_path / "imported"
    (tmp_path / "code" / "stranger.py").write_text(
        f"import pathlib\npathlib.Path({str(mark)!r}).touch()\nclass Estimator: pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    return mark


def test_code_that_only_the_dataset_names_does_not_run(tmp_path: Path, strange: Path) -> None:
    poses = POSES | {"estimator": "stranger:Estimator"}
    root = dataset(tmp_path / "dataset", CONFIGURATION | {"poses": poses})
    assert "--estimator stranger:Estimator" in refused("replay", root)
    assert "--estimator stranger:Estimator" in refused("rescore", root, "--reference", "x.mp4")
    assert "are of stranger:Estimator" in refused("replay", root, "--estimator", "other:Class")
    done = CliRunner().invoke(cli, ["rescore", root, "--json"])
    assert done.exit_code == 0, "poses are not estimated: no estimator is needed"
    assert json.loads(done.stdout)["inputs"] == 1
    failures = (
        CliRunner().invoke(cli, ["query", root, "from failures order by stage", "--json"]).stdout
    )
    assert [row["stage"] for row in json.loads(failures)] == ["probe", "repetitions"], (
        "it looked for the poses of the version in the dataset, though this machine has another"
    )
    older = {key: CONFIGURATION[key] for key in CONFIGURATION if key != "pose_version"}
    root = dataset(tmp_path / "older", older | {"poses": poses})
    assert "--estimator stranger:Estimator" in refused("rescore", root)
    assert not strange.exists()


def test_settings_of_the_machine_come_from_the_command_line(tmp_path: Path) -> None:
    pool = {"ray_address": "203.0.113.1:6379", "actors": 500, "cpus": 0.0, "gpus": 8.0}
    poses = POSES | {"device": "cuda"}
    more = {"pool": pool, "group_size": 10**9, "runner": {"name": "prism", "prism": "x"}}
    root = dataset(tmp_path / "dataset", CONFIGURATION | more | {"poses": poses})
    given = PoolConfig(actors=3)
    options = replayed(
        root, estimator=None, device="cpu", pool=given, group_size=7, max_failure_rate=0.5
    )
    assert (options.pool, options.group_size, options.poses.device) == (given, 7, "cpu")
    assert options.runner.name == "in-process"
    assert options.inputs == (str(tmp_path / "lost.mp4"),)
    written = json.loads(options.to_json(None, "v"))
    assert not {"pool", "group_size", "runner", "device"} & (written.keys() | written["poses"])


@pytest.mark.parametrize(
    "configuration",
    [
        "{",
        "[]",
        "[" * 10_000,
        {},
        CONFIGURATION | {"person": "stranger"},
        CONFIGURATION | {"pose_version": "../../elsewhere"},
        CONFIGURATION | {"pose_version": 7},
        CONFIGURATION | {"poses": POSES | {"model": "../../elsewhere"}},
        CONFIGURATION | {"poses": POSES | {"people": 0}},
        CONFIGURATION | {"poses": POSES | {"sample_fps": -1}},
        CONFIGURATION | {"poses": POSES | {"sample_fps": "fast"}},
        CONFIGURATION | {"poses": POSES | {"segment_s": 0}},
        CONFIGURATION | {"poses": POSES | {"segment_s": float("nan")}},
        CONFIGURATION | {"poses": POSES | {"fps": 0}},
    ],
    ids=str,
)
def test_a_configuration_of_another_shape_is_refused(configuration: Any, tmp_path: Path) -> None:
    root = dataset(tmp_path / "dataset", configuration)
    with pytest.raises(UnusableConfiguration, match="dataset: expected"):
        last_run(root)


@pytest.mark.parametrize("name", ["../../s", "/etc/s", "gs://b/s", "file:///s", "scorers/../../s"])
def test_a_scorer_elsewhere_is_not_opened(name: str, tmp_path: Path) -> None:
    root = dataset(tmp_path / "dataset", CONFIGURATION | {"scorer": name})
    for command in ("rescore", "replay"):
        line = refused(command, root)
        assert f"found {name}: give it with --scorer" in line
    with pytest.raises(UnusableConfiguration, match="found clips elsewhere"):
        last_run(dataset(tmp_path / "a", CONFIGURATION | {"references": [["a", "b"]]})).scorer()


def test_a_scorer_in_the_dataset_that_is_none_is_refused(tmp_path: Path) -> None:
    root = dataset(tmp_path / "dataset", CONFIGURATION | {"scorer": "scorers/s.safetensors"})
    (tmp_path / "dataset" / "scorers").mkdir()
    path = tmp_path / "dataset" / "scorers" / "s.safetensors"
    path.write_bytes(save({"weight": np.zeros(3)}, {"card": '{"format": "repscore-scorer"}'}))
    for command in ("rescore", "replay"):
        assert "s.safetensors has format version None" in refused(command, root)


BAD = ["", ".", "..", "../x", "a/b", "/x", "gs://b", "a::b", "a\\b", "a\nb", "a\x00b", "*", "-x"]


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    for root in ("dataset", "gs://bucket/dataset"):
        with pytest.raises(OutsideDataset, match=r"expected a plain name .* found"):
            inside(root, "poses", name)
    with pytest.raises(OutsideDataset):
        segment_folder("dataset", name, "0123456789abcdef")


@pytest.mark.parametrize("column", ["video_id", "pose_version"])
@pytest.mark.parametrize("value", ["../../outside", "/outside", "memory://outside"])
def test_an_id_that_leads_elsewhere_is_refused(column: str, value: str, tmp_path: Path) -> None:
    root = dataset(tmp_path / "a" / "dataset", CONFIGURATION, **{column: value})
    before = sorted(tmp_path.rglob("*"))
    assert repr(value) in refused("rescore", root)
    assert sorted(tmp_path.rglob("*")) == before, "nothing is written"


@pytest.mark.parametrize(
    "place", ["../../../outside", "{}", "file://{}", "%2e%2e/%2e%2e/x", "s3://b/x"]
)
def test_a_table_whose_log_leads_elsewhere_is_not_read(place: str, tmp_path: Path) -> None:
    root = dataset(tmp_path / "dataset", CONFIGURATION)
    (file,) = DeltaTable(f"{root}/tables/failures").file_uris()
    outside = tmp_path / "outside"
    pq.write_table(pq.read_table(file).set_column(2, "uri", pa.array(["secret"])), outside)
    action = {"path": place.format(outside), "partitionValues": {}, "size": 1, "dataChange": True}
    add = json.dumps({"add": action | {"modificationTime": 0}})
    log = Path(root, "tables", "failures", "_delta_log")
    (log / f"{len(list(log.glob('*.json'))):020}.json").write_text(add)
    keypoints.raises(tmp_path / "archive", 1)
    score = ["score", str(tmp_path / "archive"), "-o", root, "--estimator", "fakes:ArmRaiser"]
    for command in (["query", root, "from failures"], ["summary", root], ["rescore", root], score):
        line = refused(*command)
        assert "expected a plain name" in line
        assert place.format(outside) in line
