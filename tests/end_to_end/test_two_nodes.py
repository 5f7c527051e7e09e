"""A Ray cluster of several nodes, all on this machine: the same rows, and what ends a run."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import processes
import pytest
import videos
from ray.cluster_utils import Cluster  # type: ignore[import-untyped]
from runs import CUT, FAKES, Tables, scored


@pytest.fixture(scope="module")
def traces() -> Iterator[Path]:
    """Where the estimators of all nodes say which streams they start."""
    with tempfile.TemporaryDirectory(prefix="rs-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def cluster(traces: Path) -> Iterator[Cluster]:
    """A cluster whose head has no CPUs, as those that start other nodes on demand."""
    with tempfile.TemporaryDirectory(prefix="rs-", dir="/tmp") as folder:
        environment = {"FAKES_TRACE": str(traces), "FAKES_NODES": "2", "FAKES_SLOW_S": "0.01"}
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.setenv("RAY_TMPDIR", folder)  # the head notes its address below it
            Path(folder, "ray").mkdir()
            cluster = Cluster()
            node(cluster, cpus=0, temp_dir=folder)
            yield cluster
        cluster.shutdown()
        processes.wait_for_end(folder)


def node(cluster: Cluster, cpus: int, **options: Any) -> Any:
    return cluster.add_node(
        num_cpus=cpus, object_store_memory=100 << 20, include_dashboard=False, **options
    )


def wait_until(happened: Any, process: "subprocess.Popen[str]") -> None:
    limit_s = time.monotonic() + 200
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit_s
        time.sleep(0.05)


def both_at_work(traces: Path) -> bool:
    """Whether two nodes have each begun a stream, beside the one that a worker starts with."""
    raylets = Counter(file.name.partition("-")[0] for file in traces.iterdir())
    return len(raylets) == 2 and min(raylets.values()) > 1


def test_nodes_come_and_go_and_rows_stay_the_same(
    cluster: Cluster, traces: Path, archive: Path, in_process_cut: Tables, tmp_path: Path
) -> None:
    """The cluster grows from no CPU to two nodes, and loses one of them in the middle."""
    root = tmp_path / "dataset"
    arguments = ("score", str(archive), "-o", str(root), *FAKES, *CUT, "--json")
    where = ("--ray-address", cluster.address, "--actors", "2")
    run = subprocess.Popen(
        [sys.executable, "-m", "repscore.pipelines", *arguments, *where],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with run, ExitStack() as stack:
        stack.callback(run.kill)
        wait_until((root / "tables" / "runs").exists, run)
        kept, lost = node(cluster, cpus=1), node(cluster, cpus=1)
        wait_until(lambda: both_at_work(traces), run)
        cluster.remove_node(lost, allow_graceful=False)
        output, errors = run.communicate(timeout=300)
        assert run.returncode == 0, errors
    assert scored(output, root) == in_process_cut
    workers = {file.name.rpartition("-")[0] for file in traces.iterdir()}
    segments = len(list((root / "poses").rglob("*.parquet")))
    assert segments > 10
    assert len(list(traces.iterdir())) <= len(workers) + segments + 1, "one was begun again"
    cluster.remove_node(kept, allow_graceful=False)


POOL = """
import sys, time
sys.path.insert(0, {stages!r})
from test_pool_start import *
poses = PoseConfig(estimator="fakes:SlowArmRaiser")
def broken(**config):
    pool = PosePool(poses, {root!r}, PoolConfig(actors=1, ray_address={address!r}, **config))
    future = pool.submit(segment(Path({clip!r})))
    while not (future.done() or pool.status().frames):
        time.sleep(0.1)
    print("working", flush=True)
    try:
        future.result(timeout=100)
    except PoolBroken as error:
        print(error, flush=True)
    pool.close()
broken(release="0.0+other")
broken()
"""


def test_a_run_ends_where_nodes_differ_and_where_its_own_node_ends(
    cluster: Cluster, traces: Path, tmp_path: Path
) -> None:
    """Both in one line; of this machine's nodes, Ray joins the head."""
    (traces / "another").touch()  # the estimator waits for two nodes, here one is at work
    clip = videos.plain(tmp_path / "long.mp4", frames=600)
    stages = Path(__file__).parents[1] / "stages"
    code = POOL.format(
        stages=str(stages), root=str(tmp_path / "root"), address=cluster.address, clip=str(clip)
    )
    kept = node(cluster, cpus=1)
    raylet = cluster.head_node.all_processes["raylet"][0].process
    with (
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as run,
        ExitStack() as stack,
    ):
        stack.callback(run.kill)
        assert run.stdout is not None
        lines = [run.stdout.readline() for _ in range(3)]
        os.kill(raylet.pid, signal.SIGKILL)
        lines.append(run.stdout.readline())
    assert lines[0] == lines[2] == "working\n"
    assert "0.0+other: install the same on every machine (on node " in lines[1]
    assert "Ray's raylet on this machine ended" in lines[3]
    cluster.remove_node(kept, allow_graceful=False)
