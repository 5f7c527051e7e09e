"""The stages composed in a pipeline of one's own, on the in-process runner."""

import apache_beam as beam
import pytest
import videos
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from repscore.pipelines.query import query
from repscore.transforms.discover.stage import DiscoverVideos
from repscore.transforms.plan.stage import PlanSegments
from repscore.transforms.pose.pool_plan import PoolConfig
from repscore.transforms.pose.pools import close_pools
from repscore.transforms.pose.stage import ExtractPoses
from repscore.transforms.records import PoseConfig
from repscore.transforms.repetitions.stage import WindowRepetitions
from repscore.transforms.score.stage import ScoreRepetitions
from repscore.transforms.tables.stage import WriteTables


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("archive")
    videos.plain(folder / "raises.mp4", frames=245)
    (folder / "text.mp4").write_text("no video")
    root = str(tmp_path_factory.mktemp("dataset"))
    poses = PoseConfig(estimator="fakes:ArmRaiser", segment_s=7)
    with beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([])) as pipeline:
        _ = (
            pipeline
            | DiscoverVideos([str(folder)])
            | PlanSegments(poses)
            | ExtractPoses(root, poses, PoolConfig(actors=2, cpus=0.5))
            | WindowRepetitions()
            | ScoreRepetitions()
            | WriteTables(root)
        )
    close_pools()
    return root


def rows(dataset: str, sql: str) -> list[tuple[object, ...]]:
    relation = query(dataset, sql)
    assert relation is not None
    return relation.fetchall()


def test_every_input_has_its_row(dataset: str) -> None:
    found = rows(dataset, "SELECT split_part(uri, '/', -1), status FROM videos ORDER BY 1")
    assert found == [("raises.mp4", "ok"), ("text.mp4", "failed")]


def test_repetitions_cross_the_cuts_between_segments(dataset: str) -> None:
    ((segments, frames, counted),) = rows(
        dataset, "SELECT segments, frames, repetitions FROM videos WHERE status = 'ok'"
    )
    assert isinstance(segments, int)
    assert segments > 1
    assert frames == 245, "every sampled frame belongs to exactly one segment"
    assert isinstance(counted, int)
    assert abs(counted - 12) <= 1, "24.5 s of raises that last 2 s each"


def test_a_failure_says_what_was_found(dataset: str) -> None:
    ((stage, error_class, message),) = rows(
        dataset, "SELECT stage, error_class, message FROM failures"
    )
    assert (stage, error_class) == ("probe", "NotAVideo")
    assert "text" in str(message)


def test_poses_can_be_queried(dataset: str) -> None:
    ((frames, landmarks),) = rows(dataset, "SELECT count(*), min(len(x)) FROM poses")
    assert (frames, landmarks) == (245, 33)
