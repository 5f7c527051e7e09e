"""Metrics of a run for Prometheus: a file for the textfile collector, an endpoint on localhost."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, get_args

from prometheus_client import CollectorRegistry, start_http_server, write_to_textfile
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from repscore.pipelines.options import MetricsConfig
from repscore.pipelines.ready import NotReady, check_file
from repscore.pipelines.report import RunState
from repscore.transforms.pose.figures import PoseFigures
from repscore.transforms.tables.rows import Status

METRICS: Final[Mapping[str, str]] = {
    "inputs_total": "Contents by `status` of their rows, and names of inputs that are unchanged",
    "failures_total": "Rows of the table `failures` that were written, by `stage` and `cause`",
    "repetitions_total": "Repetitions found",
    "frames_total": "Frames estimated, reused ones not counted",
    "video_seconds_total": "Length of the video that was estimated",
    "run_seconds_total": "Time that runs took",
    "run_info": "1; `run_id` and `device` are those of the table `runs`",
    "running": "1 until the run ends, 0 afterwards; a killed run leaves 1",
    "updated_timestamp_seconds": "When these metrics were written",
    "last_success_timestamp_seconds": "When a run last ended with status 0",
    "last_run_duration_seconds": "Duration of the run, so far while it goes on",
    "segments_waiting": "Segments that no pose worker holds yet",
    "workers": "Pose workers",
    "worker_batch_frames": "Mean frames in a batch, by `worker`",
    "worker_batch_places": "Frames in the largest batch, by `worker`",
    "worker_time_ratio": "Share of a `worker`'s time spent `on` decode, copy, device or the rest",
    "queue_inputs": "Of watch: inputs by `state`, waiting or in_progress",
    "lag_seconds": "Of watch: age of the oldest input that is not committed, 0 without any",
}
"""Name without `repscore_`, and meaning. All have the labels `dataset` and `command`."""

_PREFIX: Final = "repscore_"
_KEPT: Final = ("_total", "last_success_timestamp_seconds")
"""Ends of the names of what goes on from run to run."""
_EVERY_S: Final = 15.0

Labels = tuple[tuple[str, str], ...]


@dataclass(eq=False)
class RunMetrics(Collector):
    """The metrics of one run, computed when they are asked for.

    Attributes:
        labels: of every metric.
        info: labels of `run_info`.
        state_of: the run now; None where that cannot be known, the last state counts then.
        started_s: when the run began, on the monotonic clock.
        kept: values of earlier runs, on which counters go on.
    """

    labels: Mapping[str, str]
    info: Mapping[str, str]
    state_of: Callable[[], RunState | None]
    started_s: float = field(default_factory=time.monotonic)
    kept: Mapping[tuple[str, Labels], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._state = RunState(Counter(), PoseFigures())
        self._ended_s: float | None = None
        self._succeeded_at: float | None = None

    def end(self, *, succeeded: bool) -> None:
        """The run is over."""
        self._ended_s = time.monotonic()
        if succeeded:
            self._succeeded_at = time.time()

    def collect(self) -> Iterator[Metric]:
        """Every metric with its samples; some have none."""
        with self._lock:
            self._state = self.state_of() or self._state
            values = defaultdict[str, dict[Labels, float]](dict)
            for (name, labels), value in self.kept.items():
                values[name][labels] = value
            for name, own, value in self._samples(self._state):
                labels = _labels({**self.labels, **own})
                before = values[name].get(labels, 0.0) if name.endswith("_total") else 0.0
                values[name][labels] = before + value
        for name, words in METRICS.items():
            kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            family = kind(_PREFIX + name, words)
            for labels, value in sorted(values[name].items()):
                family.add_sample(_PREFIX + name, dict(labels), value)
            yield family

    def _samples(self, state: RunState) -> Iterator[tuple[str, Mapping[str, str], float]]:
        counts, poses = state.counts, state.poses
        spent_s = (self._ended_s or time.monotonic()) - self.started_s
        for status in get_args(Status):
            yield "inputs_total", {"status": status}, counts[f"write status.{status}"]
        yield "inputs_total", {"status": "unchanged"}, state.unchanged
        for name, count in counts.items():
            if name.startswith("write failures."):
                _, stage, cause = name.split(".", 2)
                yield "failures_total", {"stage": stage, "cause": cause}, count
        yield "repetitions_total", {}, counts["write repetitions"]
        yield "frames_total", {}, state.frames
        yield "video_seconds_total", {}, state.decoded_s
        yield "run_seconds_total", {}, spent_s
        yield "run_info", self.info, 1
        yield "running", {}, self._ended_s is None
        yield "updated_timestamp_seconds", {}, time.time()
        if self._succeeded_at is not None:
            yield "last_success_timestamp_seconds", {}, self._succeeded_at
        yield "last_run_duration_seconds", {}, spent_s
        yield "segments_waiting", {}, poses.waiting
        yield "workers", {}, poses.actors
        for number, worker in enumerate(poses.workers):
            figures, whose = worker.figures(), {"worker": str(number)}
            yield "worker_batch_frames", whose, figures.pop("batch")
            yield "worker_batch_places", whose, figures.pop("streams")
            for part, share in figures.items():
                yield "worker_time_ratio", {**whose, "on": part}, share
        if (arrivals := state.arrivals) is not None:
            yield "queue_inputs", {"state": "waiting"}, arrivals.waiting
            yield "queue_inputs", {"state": "in_progress"}, arrivals.in_progress
            oldest_s = arrivals.oldest_s
            yield "lag_seconds", {}, 0 if oldest_s is None else time.monotonic() - oldest_s


def _labels(named: Mapping[str, str]) -> Labels:
    return tuple(sorted(named.items()))


def kept_in(path: str, labels: Mapping[str, str]) -> dict[tuple[str, Labels], float]:
    """What a metrics file holds of earlier runs with these labels; raises NotReady."""
    try:
        families = list(text_string_to_metric_families(Path(path).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise NotReady(
            f"--metrics-file {path}: expected a file of metrics or none, found another "
            f"({error}): choose another name"
        ) from error
    return {
        (sample.name.removeprefix(_PREFIX), _labels(sample.labels)): sample.value
        for family in families
        for sample in family.samples
        if sample.name.endswith(_KEPT) and labels.items() <= sample.labels.items()
    }


@contextmanager
def published(config: MetricsConfig, metrics: RunMetrics) -> Iterator[None]:
    """Write the metrics to a file at intervals, and serve them, for the time of the block.

    The file is replaced as a whole, at the beginning, every 15 s and at the end. It is in
    Prometheus's text format, which the textfile collector reads; the endpoint gives OpenMetrics to
    whoever asks for it. Raises NotReady, and at the end OSError where the file cannot be written.
    """
    registry = CollectorRegistry(auto_describe=False)
    with ExitStack() as stack:
        if config.file is not None:
            check_file(config.file)
            Path(config.file).parent.mkdir(parents=True, exist_ok=True)
            metrics.kept = kept_in(config.file, metrics.labels)
        registry.register(metrics)
        if config.file is not None:
            stack.enter_context(_written(config.file, registry))
        if config.port is not None:
            try:
                server, thread = start_http_server(config.port, "127.0.0.1", registry)
            except OSError as error:
                raise NotReady(f"--metrics-port {config.port}: {error}") from error
            stack.callback(thread.join)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
        yield


@contextmanager
def _written(path: str, registry: CollectorRegistry) -> Iterator[None]:
    over = threading.Event()

    def write() -> None:
        while not over.wait(_EVERY_S):
            with suppress(OSError):  # a disk may be full for a while; the last write says so
                write_to_textfile(path, registry)

    write_to_textfile(path, registry)
    thread = threading.Thread(target=write, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        write_to_textfile(path, registry)
