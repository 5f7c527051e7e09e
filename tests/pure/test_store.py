import json
import math
import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path

import duckdb
import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repscore.models.estimator import People
from repscore.transforms.files import exists, replacing
from repscore.transforms.pose.store import (
    DamagedPoses,
    SegmentFile,
    find,
    read_people,
    segment_path,
    write_segment,
)
from repscore.transforms.records import Segment, Video

VIDEO = Video("/v.mp4", "0123456789abcdef", "blake2b:1", 1, "1-1", (), "/v.mp4")
ABOUT = SegmentFile(
    video_id="0123456789abcdef",
    pose_version="mediapipe-full-15fps-0a1b2c3d",
    segment=1,
    segments=3,
    start_s=58.5,
    end_s=None,
    topology="canonical15",
    estimator={"estimator": "mediapipe", "landmarks_sha256": "e9a5"},
    width_px=640,
    height_px=480,
    fps=29.97,
    sample_fps=15.0,
    frames=0,
    frames_with_person=0,
    decoded_s=60.2,
    shortfall="decoded 60.2 s of 90.0 s announced; the file ends at byte 10 of 20",
    clock_jumps=None,
    pictures=900,
    pictures_decoded=600,
)


def people(*identities: int, seed: int = 0) -> People:
    """These people, with landmarks drawn at random."""
    rng = np.random.default_rng(seed)
    count = len(identities)
    return People(
        person=np.array(identities, np.int32),
        image_px=rng.uniform(0, 640, (count, 15, 3)).astype(np.float32),
        world_m=rng.normal(0, 1, (count, 15, 3)).astype(np.float32),
        visibility=rng.uniform(0, 1, (count, 15)).astype(np.float32),
    )


def written(path: Path | str, poses: list[tuple[float, People]]) -> SegmentFile:
    found = sum(len(people.person) > 0 for _, people in poses)
    about = replace(ABOUT, frames=len(poses), frames_with_person=found)
    write_segment(str(path), about, poses)
    return about


@pytest.fixture(params=["local", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "local" else f"memory://{uuid.uuid4().hex}"


def test_the_address_tells_video_configuration_and_span(root: str) -> None:
    first = Segment(VIDEO, 0, 3, 0.0, 58.5, None)
    last = Segment(VIDEO, 2, 3, 117.0, math.inf, None)
    folder = f"{root}/poses/v1/01/0123456789abcdef"
    assert segment_path(root, "v1", first) == f"{folder}/00000-of-3-0-58500000.parquet"
    assert segment_path(root, "v1", last) == f"{folder}/00002-of-3-117000000-end.parquet"


def test_what_was_written_is_read(root: str) -> None:
    path = f"{root}/poses/a.parquet"
    one, two, nobody = people(0, seed=1), people(2, 0, seed=2), people()
    about = written(path, [(58.5, one), (58.6, nobody), (58.7, two), (58.8, nobody)])
    assert find(path) == about
    read = read_people(path)
    assert read.about == about
    np.testing.assert_array_equal(read.time_s, [58.5, 58.6, 58.7, 58.8])
    assert sorted(read.people) == [0, 2]
    for person, rows in ((0, {0: (one, 0), 2: (two, 1)}), (2, {2: (two, 0)})):
        frames = read.people[person]
        assert frames.topology == "canonical15"
        np.testing.assert_array_equal(frames.time_s, read.time_s)
        for row in range(4):
            if row in rows:
                source, index = rows[row]
                np.testing.assert_array_equal(frames.image_px[row], source.image_px[index])
                np.testing.assert_array_equal(frames.world_m[row], source.world_m[index])
                np.testing.assert_array_equal(frames.visibility[row], source.visibility[index])
            else:
                assert np.isnan(frames.image_px[row]).all()
                assert np.isnan(frames.world_m[row]).all()
                assert (frames.visibility[row] == 0).all()


@pytest.mark.parametrize("frames", [0, 1, 5])
def test_a_segment_in_which_nobody_is(tmp_path: Path, frames: int) -> None:
    path = tmp_path / "a.parquet"
    about = written(path, [(i / 15, people()) for i in range(frames)])
    assert find(str(path)) == about
    read = read_people(str(path))
    np.testing.assert_array_equal(read.time_s, np.arange(frames) / 15)
    assert read.people == {}


def test_depth_that_is_unknown_stays_unknown(tmp_path: Path) -> None:
    flat = people(0)
    flat.image_px[..., 2] = np.nan
    flat.world_m[:] = np.nan
    written(tmp_path / "a.parquet", [(0.0, flat)])
    read = read_people(str(tmp_path / "a.parquet")).people[0]
    np.testing.assert_array_equal(read.image_px[0], flat.image_px[0])
    assert np.isnan(read.world_m).all()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sets(st.integers(0, 4), max_size=4), max_size=12))
def test_everybody_is_found_in_exactly_their_frames(present: list[set[int]]) -> None:
    path = f"memory://{uuid.uuid4().hex}/a.parquet"
    poses = [(i / 15, people(*sorted(now), seed=i)) for i, now in enumerate(present)]
    written(path, poses)
    read = read_people(path)
    assert set(read.people) == set().union(*present)
    for person, frames in read.people.items():
        seen = ~np.isnan(frames.image_px).any(axis=(1, 2))
        assert seen.tolist() == [person in now for now in present]
    fsspec.filesystem("memory").rm(path, recursive=True)


def test_what_is_no_whole_pose_file_is_as_if_absent(tmp_path: Path) -> None:
    assert find(str(tmp_path / "none.parquet")) is None
    assert find(f"memory://{uuid.uuid4().hex}/none.parquet") is None
    torn = tmp_path / "torn.parquet"
    written(torn, [(0.0, people(0))])
    torn.write_bytes(torn.read_bytes()[:-20])
    assert find(str(torn)) is None
    torn.write_bytes(b"")
    assert find(str(torn)) is None
    foreign = tmp_path / "foreign.parquet"
    pq.write_table(pa.table({"a": [1]}), foreign)
    assert find(str(foreign)) is None
    with pytest.raises(ValueError, match="no whole file of poses"):
        read_people(str(foreign))


def test_damage_never_changes_what_is_read(tmp_path: Path) -> None:
    """A thousand damaged files: each is refused, or says and holds what the whole one does."""
    path = tmp_path / "a.parquet"
    about = written(path, [(n / 15, people(*([0, 1] if n % 3 else []), seed=n)) for n in range(12)])
    whole, expected = path.read_bytes(), read_people(str(path))
    rng, refused = np.random.default_rng(0), 0
    for number in range(1000):
        content = bytearray(whole)
        place = int(rng.integers(0, len(content)))
        if number % 4 == 0:
            content = content[:place]
        elif number % 4 == 1:
            content[place : place + 40] = rng.integers(0, 256, 40, np.uint8).tobytes()
        else:
            content[place] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(content)
        found = find(str(path))
        if found is None:
            refused += 1
            with pytest.raises(DamagedPoses, match=r"a\.parquet: is no whole file of poses"):
                read_people(str(path))
            continue
        assert found == about
        read = read_people(str(path))
        assert np.array_equal(read.time_s, expected.time_s)
        assert read.people.keys() == expected.people.keys()
        for name, frames in read.people.items():
            for values in ("image_px", "world_m", "visibility"):
                one, other = getattr(frames, values), getattr(expected.people[name], values)
                assert np.array_equal(one, other, equal_nan=True)
    assert refused > 900


def test_a_failed_write_leaves_nothing(root: str) -> None:
    path = f"{root}/poses/a.parquet"
    blazepose = People(
        np.zeros(1, np.int32),
        np.zeros((1, 33, 3), np.float32),
        np.zeros((1, 33, 3), np.float32),
        np.zeros((1, 33), np.float32),
    )
    with pytest.raises(ValueError, match="15 landmarks"):
        written(path, [(0.0, blazepose)])
    with pytest.raises(ValueError, match="2 frames are declared, 1 given"):
        write_segment(path, replace(ABOUT, frames=2), [(0.0, people())])
    assert not exists(path)
    assert root.startswith("memory") or list(Path(root).rglob("*.parquet*")) == []


def interrupted(uri: str) -> None:
    with replacing(uri) as file:
        file.write(b"half")
        raise KeyboardInterrupt


def test_an_interrupted_write_leaves_what_was_there(root: str) -> None:
    path = f"{root}/poses/a.parquet"
    with pytest.raises(KeyboardInterrupt):
        interrupted(path)
    assert not exists(path)
    about = written(path, [(0.0, people(0))])
    with pytest.raises(KeyboardInterrupt):
        interrupted(path)
    assert find(path) == about
    assert root.startswith("memory") or [p.name for p in Path(root).rglob("*.*")] == ["a.parquet"]


def test_a_second_write_replaces_the_first(root: str) -> None:
    path = f"{root}/a.parquet"
    written(path, [(0.0, people(0))])
    about = written(path, [(0.0, people(0)), (0.1, people(0))])
    assert find(path) == about
    assert len(read_people(path).time_s) == 2


def test_duckdb_reads_a_store_of_many_files(tmp_path: Path) -> None:
    for index in range(3):
        segment = Segment(VIDEO, index, 3, 60.0 * index, 60.0 * index + 60, None)
        written(
            segment_path(str(tmp_path), "v1", segment),
            [(60.0 * index, people(0, 1)), (60.0 * index + 1, people())],
        )
    rows = duckdb.sql(
        f"""select count(*), count(distinct frame_time_s), count(person), count(x),
                   min(len(visibility)), max(x[1]) is null
            from read_parquet('{tmp_path}/poses/**/*.parquet')"""
    ).fetchall()
    assert rows == [(9, 6, 6, 6, 15, False)]
    ((value,),) = duckdb.sql(
        f"""select distinct decode(value) from parquet_kv_metadata('{tmp_path}/poses/**/*.parquet')
            where decode(key) = 'repscore.estimator'"""
    ).fetchall()
    assert json.loads(value) == ABOUT.estimator


_KILLED_WRITER = """
import os, signal, sys
from repscore.transforms.files import replacing
with replacing(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_left_goes_with_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "poses[1].parquet"
    subprocess.run([sys.executable, "-c", _KILLED_WRITER, str(path)], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with replacing(str(path)) as slow:
        assert len(list(tmp_path.iterdir())) == 1, "its own, not that of the killed one"
        with replacing(str(path)) as quick:
            quick.write(b"whole")
        slow.write(b"whole")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [
        (path.name, b"whole")
    ]
