"""Files as the world writes them: the repetitions, scores and failure rows that each must give."""

import statistics
from collections import defaultdict
from pathlib import Path

import pytest
from field_videos import REPETITIONS, Variant, control_pictures, variants

from repscore.pipelines.options import ScoreOptions
from repscore.pipelines.score import run
from repscore.transforms.pose.pool_plan import PoolConfig
from repscore.transforms.records import PoseConfig
from repscore.transforms.tables.delta import read_rows

POINTS = 3.0
"""How far scores may lie from the control's."""


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[dict[str, object]]]]:
    """File name -> table -> rows, of one run over all variants."""
    folder = tmp_path_factory.mktemp("field")
    pictures = control_pictures()
    for variant in variants():
        variant.make(folder / variant.name, pictures)
    root = str(tmp_path_factory.mktemp("dataset"))
    options = ScoreOptions(
        inputs=(str(folder),),
        output=root,
        references=(("squat", str(folder / "control.mp4")),),
        poses=PoseConfig(precision="f32", fps=30.0, segment_s=5.0),
        pool=PoolConfig(),
    )
    run(options, quiet=True)
    found: dict[str, dict[str, list[dict[str, object]]]] = defaultdict(lambda: defaultdict(list))
    names = defaultdict(list)  # equal contents are processed once
    for row in read_rows(root, "videos"):
        names[row["video_id"]].append(Path(row["uri"]).name)
        found[Path(row["uri"]).name]["videos"].append(dict(row))
    for table in ("repetitions", "failures"):
        for row in read_rows(root, table):
            for name in names[row["video_id"]]:
                found[name][table].append(dict(row))
    return found


def mean_score(repetitions: list[dict[str, object]]) -> float:
    return statistics.fmean(float(str(r["score"])) for r in repetitions if r["score"] is not None)


@pytest.mark.weights("full")
@pytest.mark.parametrize("variant", variants(), ids=lambda variant: variant.name)
def test_a_file_of_the_field(
    rows: dict[str, dict[str, list[dict[str, object]]]], variant: Variant
) -> None:
    tables = rows[variant.name]
    (video,) = tables["videos"]
    count = len(tables["repetitions"])
    assert variant.least <= count <= variant.most, f"{count} repetitions, {tables['failures']}"
    assert video["status"] == variant.status
    assert {row["error_class"] for row in tables["failures"]} == variant.failures
    if variant.status == "ok":
        assert video["pictures"] == video["pictures_decoded"]
    if variant.like_control:
        control = mean_score(rows["control.mp4"]["repetitions"])
        assert mean_score(tables["repetitions"]) == pytest.approx(control, abs=POINTS)
    assert len(rows["control.mp4"]["repetitions"]) == REPETITIONS
