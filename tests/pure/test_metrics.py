"""Metrics of a run: what they count, the file that goes on from run to run, the endpoint."""

import socket
import urllib.request
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from repscore.pipelines.metrics import METRICS, RunMetrics, published
from repscore.pipelines.options import MetricsConfig
from repscore.pipelines.ready import NotReady
from repscore.pipelines.report import RunState
from repscore.transforms.pose.figures import PoseFigures
from repscore.transforms.pose.streams import StreamsStatus
from repscore.transforms.watch.arrivals import ArrivalStatus

COUNTS = Counter(
    {
        "write status.ok": 4,
        "write status.failed": 1,
        "write failures": 3,
        "write failures.pose.WorkerDied": 2,
        "write failures.probe.NotAVideo": 1,
        "write repetitions": 30,
    }
)
WORKER = StreamsStatus(64, 9, frames=20, steps=10, stepped=480, decode_s=3.0, step_s=1.0)
POSES = PoseFigures(actors=1, waiting=7, frames=620, decoded_s=40.0, workers=(WORKER,))
STATE = RunState(COUNTS, POSES, POSES.finished_frames, POSES.decoded_s, unchanged=8)


def metrics(state: RunState | None = STATE, **labels: str) -> RunMetrics:
    shared = {"dataset": "/d", "command": "score"}
    return RunMetrics(shared | labels, {"run_id": "r", "device": "cpu"}, lambda: state)


def values_in(path: Path) -> dict[str, float]:
    """`name{the labels that only some have}` -> value."""
    families = text_string_to_metric_families(path.read_text(encoding="utf-8"))
    return {
        sample.name
        + ",".join(
            value
            for key, value in sorted(sample.labels.items())
            if key not in ("dataset", "command")
        ): sample.value
        for family in families
        for sample in family.samples
    }


def publish(path: Path, run: RunMetrics, *, succeeded: bool | None = True) -> dict[str, float]:
    with published(MetricsConfig(str(path)), run):
        if succeeded is not None:
            run.end(succeeded=succeeded)
    return values_in(path)


def test_the_file_holds_what_the_run_did(tmp_path: Path) -> None:
    values = publish(tmp_path / "run.prom", metrics())

    assert values["repscore_inputs_totalok"] == 4
    assert values["repscore_inputs_totalpartial"] == 0, "every status is there, for `increase`"
    assert values["repscore_inputs_totalunchanged"] == 8
    assert values["repscore_failures_totalWorkerDied,pose"] == 2
    assert values["repscore_failures_totalNotAVideo,probe"] == 1
    assert values["repscore_repetitions_total"] == 30
    assert values["repscore_frames_total"] == 600, "frames of open segments are not counted twice"
    assert values["repscore_video_seconds_total"] == 40
    assert values["repscore_segments_waiting"] == 7
    assert values["repscore_worker_batch_frames0"] == 48
    assert values["repscore_worker_batch_places0"] == 64
    assert values["repscore_worker_time_ratiodecode,0"] == 0.75
    assert values["repscore_running"] == 0
    assert not any(name.startswith("repscore_lag") for name in values), "watch alone has a lag"
    assert [file.name for file in tmp_path.iterdir()] == ["run.prom"], "no temporary file stays"


def test_every_metric_is_named_in_each_file(tmp_path: Path) -> None:
    publish(tmp_path / "run.prom", metrics())

    text = (tmp_path / "run.prom").read_text(encoding="utf-8")
    assert [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")] == [
        f"repscore_{name}" for name in METRICS
    ]


def test_counters_go_on_in_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "run.prom"
    first = publish(path, metrics())
    other = Counter({"write status.ok": 2, "write failures.probe.NotAVideo": 5})
    second = publish(path, metrics(RunState(other, PoseFigures())), succeeded=False)

    assert second["repscore_inputs_totalok"] == 6
    assert second["repscore_failures_totalNotAVideo,probe"] == 6
    assert second["repscore_failures_totalWorkerDied,pose"] == 2, "a cause that did not recur stays"
    assert second["repscore_segments_waiting"] == 0
    success = "repscore_last_success_timestamp_seconds"
    assert second[success] == first[success] > 0, "a run that failed leaves the last success"


def test_a_run_that_raises_leaves_its_counts_and_no_success(tmp_path: Path) -> None:
    path = tmp_path / "run.prom"
    with pytest.raises(ZeroDivisionError), published(MetricsConfig(str(path)), metrics()):
        raise ZeroDivisionError

    values = values_in(path)
    assert values["repscore_inputs_totalok"] == 4
    assert "repscore_last_success_timestamp_seconds" not in values


def test_another_dataset_does_not_go_on(tmp_path: Path) -> None:
    path = tmp_path / "run.prom"
    publish(path, metrics())

    assert publish(path, metrics(dataset="/e"))["repscore_inputs_totalok"] == 4


def test_the_last_state_counts_where_none_can_be_had(tmp_path: Path) -> None:
    run = metrics()
    states = iter([STATE])
    run.state_of = lambda: next(states, None)

    assert publish(tmp_path / "run.prom", run)["repscore_inputs_totalok"] == 4


def test_the_endpoint_speaks_openmetrics_on_this_machine_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arrivals = ArrivalStatus(3, 2, 9, 1, None, 0.0)
    with published(MetricsConfig(port=port), metrics(replace(STATE, arrivals=arrivals))):
        with socket.create_server(("127.0.0.2", port)):
            pass  # another address of this machine is free
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/metrics",
            headers={"Accept": "application/openmetrics-text; version=1.0.0"},
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            text = answer.read().decode()
    samples = {
        (sample.name, sample.labels.get("state")): sample.value
        for family in openmetrics.text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["repscore_queue_inputs", "waiting"] == 3
    assert samples["repscore_lag_seconds", None] == 0
    with socket.create_server(("127.0.0.1", port)):
        pass  # it ended with the block


def test_what_cannot_be_written_or_served_is_said_at_the_start(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("buy {milk\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for config, words in (
            (MetricsConfig(str(other / "run.prom")), "notes.txt"),
            (MetricsConfig(str(other)), "choose another name"),
            (MetricsConfig(port=port), f"--metrics-port {port}"),
        ):
            with pytest.raises(NotReady, match=words), published(config, metrics()):
                pass
    assert other.read_text() == "buy {milk\n"
