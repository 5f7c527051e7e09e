"""The same graph on Prism: the same rows, whatever the order and the splits."""

import contextlib
import json
import os
import signal
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import apache_beam as beam
import grpc  # type: ignore[import-untyped]
import processes
import pytest
from apache_beam.coders import VarIntCoder
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.runners.worker.sdk_worker import SdkHarness
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec
from apache_beam.utils.timestamp import Duration
from runs import CUT, Tables, repscore, score

from repscore.pipelines.options import RunnerConfig
from repscore.pipelines.runner import prism
from repscore.pipelines.runner.prism import PrismDied, PrismMissing, PrismProcess, binary_of
from repscore.pipelines.runner.runner import Runner
from repscore.transforms.metrics import StageMetrics


def test_rows_equal_those_of_the_in_process_runner(
    archive: Path, in_process: Tables, tmp_path: Path
) -> None:
    assert len(in_process["repetitions"]) > 25
    assert score(archive, tmp_path / "prism", "--runner", "prism") == in_process


def test_rows_are_equal_where_videos_are_cut(
    archive: Path, in_process_cut: Tables, tmp_path: Path
) -> None:
    assert score(archive, tmp_path / "prism", "--runner", "prism", *CUT) == in_process_cut


def test_any_portable_runner_is_reached_by_its_endpoint(
    archive: Path, in_process: Tables, tmp_path: Path
) -> None:
    prism = PrismProcess(binary_of(None).path)
    try:
        where = ("--runner", "portable", "--job-endpoint", prism.endpoint)
        assert score(archive, tmp_path / "portable", *where) == in_process
    finally:
        prism.close()


@pytest.mark.parametrize("kind", ["PROCESS on Prism", "two at once"])
def test_rows_are_equal_where_beams_workers_are_other_processes(
    kind: str, archive: Path, in_process: Tables, tmp_path: Path
) -> None:
    """On Prism each group has a worker process of its own; Beam's in-process runner starts two."""
    command = json.dumps({"command": str(Path(sys.executable).with_name("repscore-worker"))})
    where = ("--runner", "prism", "--environment", f"PROCESS:{command}", "--group-size", "3")
    if kind == "two at once":
        options = ("direct_running_mode=multi_processing", "direct_num_workers=2")
        where = tuple(word for option in options for word in ("--beam-option", option))
    with tempfile.TemporaryDirectory(prefix="rs-", dir="/tmp") as folder:
        found = score(
            archive,
            tmp_path / "remote",
            *where,
            videos=6 if "--group-size" in where else 5,  # the copy is in the second group
            TMPDIR=folder,
        )
        assert found == in_process
        processes.wait_for_end(folder)
        assert not any(Path(folder).iterdir())


class _Slow(beam.DoFn):
    """Counts the elements of a key; so slow that a runner would like to split its bundle."""

    COUNT = ReadModifyWriteStateSpec("count", VarIntCoder())

    def process(self, element: Any, count: Any = beam.DoFn.StateParam(COUNT)) -> Any:
        time.sleep(0.3)
        now = (count.read() or 0) + 1
        count.write(now)
        if now == 12:
            StageMetrics("test").count_in()
        return ()


def test_state_survives_slow_bundles() -> None:
    runner = Runner(RunnerConfig("prism"))
    pipeline = runner.pipeline()
    _ = (
        pipeline
        | beam.Create([(key, index) for index in range(12) for key in "ab"])
        | beam.Reshuffle()
        | beam.ParDo(_Slow())
    )
    found = runner.run(pipeline)
    runner.close()
    assert found["test in"] == 2, "both keys saw all twelve"


class _Bundles(RestrictionProvider):
    """Twelve elements."""

    def initial_restriction(self, element: Any) -> Any:
        return OffsetRange(0, 12)

    def create_tracker(self, restriction: Any) -> Any:
        return OffsetRestrictionTracker(restriction)

    def restriction_size(self, element: Any, restriction: Any) -> Any:
        return restriction.size()


_LEFT: Final = beam.DoFn.RestrictionParam(_Bundles())


class _OneByOne(beam.DoFn):
    """A bundle for each element, each a moment after the one before."""

    def process(self, element: Any, left: Any = _LEFT) -> Any:
        if left.try_claim(left.current_restriction().start):
            yield element
            left.defer_remainder(Duration(seconds=0.02))


class _Counts(beam.DoFn):
    def process(self, element: Any) -> Any:
        StageMetrics("test").count_in()
        return ()


def test_no_count_is_lost_while_its_name_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = SdkHarness._request_monitoring_infos

    def slowly(self: Any, request: Any) -> None:
        threading.Timer(0.5, answer, (self, request)).start()

    monkeypatch.setattr(SdkHarness, "_request_monitoring_infos", slowly)
    with closing(Runner(RunnerConfig("prism"))) as runner:
        pipeline = runner.pipeline()
        once = pipeline | beam.Create([0]) | beam.ParDo(_OneByOne())
        _ = once | beam.Reshuffle() | beam.ParDo(_Counts())
        assert runner.run(pipeline)["test in"] == 12


def listening(pid: int) -> set[str]:
    """Addresses, as the kernel writes them, on which a process listens."""
    sockets = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one that lists this folder
            sockets.add(str(file.readlink()).removeprefix("socket:[").removesuffix("]"))
    lines = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    rows = [line.split() for line in lines.splitlines() if ":" in line.split()[0]]
    return {row[1].rpartition(":")[0][-8:] for row in rows if row[3] == "0A" and row[9] in sockets}


def test_the_port_is_local_and_the_process_ends_with_us() -> None:
    before = listening(os.getpid())
    with closing(Runner(RunnerConfig("prism"))) as runner:
        runner.pipeline()
        prism = runner.prism
        assert prism is not None
        assert listening(prism.pid) == {"0100007F"}, "127.0.0.1 alone, if built by `make prism`"
        assert listening(os.getpid()) - before <= {"0100007F"}
        assert prism.log.is_file()
    assert "signal 15" in str(prism.ended())


class _Lost:
    """A pipeline whose connection is gone a moment before the process is."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def run(self) -> None:
        threading.Timer(0.3, os.kill, (self._pid, signal.SIGKILL)).start()
        raise grpc.RpcError


def test_a_lost_connection_waits_for_the_reason() -> None:
    with closing(Runner(RunnerConfig("prism"))) as runner:
        runner.pipeline()
        assert runner.prism is not None
        lost: Any = _Lost(runner.prism.pid)
        with pytest.raises(PrismDied, match="Prism was killed by signal 9"):
            runner.run(lost)


def test_a_prism_that_hangs_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stopped in the middle of its work, and never goes on."""
    monkeypatch.setattr(prism, "_SILENT_S", 3.0)
    monkeypatch.setattr(prism, "_ASK_EVERY_S", 0.1)

    def stop(pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)
        while ") T " not in Path(f"/proc/{pid}/stat").read_text():
            time.sleep(0.01)

    with closing(Runner(RunnerConfig("prism"))) as runner:
        pipeline = runner.pipeline()
        assert runner.prism is not None
        _ = pipeline | beam.Create([runner.prism.pid]) | beam.Map(stop)
        with pytest.raises(PrismDied, match="Prism has not answered for 3 s"):
            runner.run(pipeline)


def test_a_missing_prism_is_one_line_with_the_remedy(archive: Path, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "prism")
    done = repscore(
        "score", str(archive), "-o", str(tmp_path / "out"), "--runner", "prism", "--prism", nowhere
    )
    assert done.returncode == 2
    assert nowhere in done.stderr
    assert len(done.stderr.splitlines()) == 1
    with pytest.raises(PrismMissing, match="expected a program"):
        binary_of(nowhere)


def test_options_that_do_not_fit_are_refused(archive: Path) -> None:
    done = repscore("score", str(archive), "-o", "out", "--runner", "portable")
    assert done.returncode == 2
    assert "--job-endpoint" in done.stderr
