"""Groups that overlap give the rows of one group, and a broken pool ends all of them."""

from pathlib import Path

import pytest
import videos
from rows import tables

from repscore.pipelines.options import ScoreOptions
from repscore.pipelines.score import run
from repscore.transforms.pose.pool import PoolBroken
from repscore.transforms.pose.pool_plan import PoolConfig
from repscore.transforms.records import PoseConfig


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    for number in range(4):
        videos.plain(folder / f"{number}.mp4", rgb=(60 * number, 90, 90), frames=60)
    (folder / "broken.mp4").write_bytes(b"no video")
    return folder


def options(archive: Path, root: Path, estimator: str, group_size: int) -> ScoreOptions:
    return ScoreOptions(
        inputs=(str(archive),),
        output=str(root),
        poses=PoseConfig(estimator=estimator, sample_fps=None),
        pool=PoolConfig(actors=2, cpus=0.5),
        group_size=group_size,
    )


def test_rows_do_not_depend_on_the_groups(archive: Path, tmp_path: Path) -> None:
    reports = {}
    for size in (2, 200):
        root = tmp_path / f"of-{size}"
        reports[size] = run(options(archive, root, "fakes:ArmRaiser", size), quiet=True).row
    assert tables(tmp_path / "of-2") == tables(tmp_path / "of-200")
    for name in ("inputs", "videos", "repetitions", "failures", "frames"):
        assert reports[2][name] == reports[200][name]
    assert (reports[2]["videos"], reports[2]["failures"]) == (5, 1)
    assert reports[2]["repetitions"] >= 4


def test_a_broken_pool_ends_all_groups(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(PoolBroken, match="no weights here"):
        run(options(archive, tmp_path, "fakes:CannotStart", 1), quiet=True)
