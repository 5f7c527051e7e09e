"""Segments one by one in an actor, or several at once."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
import videos
from videos import segment_of

from repscore.models import weights
from repscore.models.estimator import Unavailable
from repscore.pipelines.demo.athlete import Motion
from repscore.pipelines.demo.render import render_clip
from repscore.transforms.pose.pool import PosePool
from repscore.transforms.pose.pool_plan import PoolConfig
from repscore.transforms.pose.store import read_people
from repscore.transforms.records import PoseConfig


@pytest.mark.skipif(not weights.present("full"), reason="needs the weights: run `repscore weights`")
def test_segments_that_share_an_actor_have_the_poses_that_they_have_alone(tmp_path: Path) -> None:
    motions = [Motion("squat", repetitions) for repetitions in (1, 2)]
    clips = [tmp_path / f"clip{index}.mp4" for index in range(2)]
    for motion, clip in zip(motions, clips, strict=True):
        render_clip(clip, motion)
    poses = PoseConfig(sample_fps=5, precision="f32")
    found = {}
    for name, config in (
        ("alone", PoolConfig(actors=2, cpus=0.4)),
        ("together", PoolConfig(actors=1, cpus=0.4, streams=2)),
    ):
        with closing(PosePool(poses, str(tmp_path / name), config)) as pool:
            futures = [pool.submit(segment_of(clip)) for clip in clips]
            done = [future.result(timeout=300) for future in futures]
        assert [one.failures for one in done] == [(), ()]
        assert all(one.frames_with_person == one.frames > 0 for one in done)
        found[name] = [read_people(one.path).people[0] for one in done if one.path]
    for alone, together in zip(found["alone"], found["together"], strict=True):
        np.testing.assert_array_equal(alone.image_px, together.image_px)
        np.testing.assert_array_equal(alone.world_m, together.world_m)


def test_cuda_where_there_is_none_is_an_error(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    pool = PosePool(PoseConfig(device="cuda"), str(tmp_path), PoolConfig())
    with pytest.raises(Unavailable, match="Ray finds 0 GPUs"):
        pool.submit(segment_of(videos.plain(tmp_path / "a.mp4")))
