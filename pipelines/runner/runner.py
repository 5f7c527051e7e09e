"""Where the light stages run: in this process, on Prism, or on any other runner of Beam's."""

import logging
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import apache_beam as beam
import grpc  # type: ignore[import-untyped]
from apache_beam.metrics.cells import DistributionResult
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner, worker_handlers
from apache_beam.runners.portability.portable_runner import PortableRunner
from apache_beam.runners.portability.prism_runner import PrismRunner
from apache_beam.runners.runner import create_runner

from repscore.pipelines.options import RunnerConfig, RunnerUnusable
from repscore.pipelines.runner.prism import PrismDied, PrismProcess, binary_of
from repscore.pipelines.runner.workers import serving_workers
from repscore.transforms.errors import DatasetUnusable
from repscore.transforms.pose.figures import joined

_ENDING_S: Final = 1.0
_UNUSABLE: Final = re.compile(r"(?:DatasetUnusable|PoolBroken): (.+?)(?: \[while running|\n|$)")
_OF_CONNECTION: Final = "grpc._channel."
_OURS: Final[dict[str, Any]] = {
    "in-process": FnApiRunner,
    "prism": PrismRunner,
    "portable": PortableRunner,
}


class Runner:
    """Makes pipelines for a runner; its processes start with the first one and end with `close`."""

    def __init__(self, config: RunnerConfig) -> None:
        self._config = config
        self._processes = ExitStack()
        self._options: list[str] | None = None
        self._result: Any = None
        self._asking = threading.Lock()
        self.prism: PrismProcess | None = None

    def pipeline(self, *, streaming: bool = False) -> beam.Pipeline:
        """A pipeline to fill and to `run`; raises RunnerUnusable for options that do not do."""
        self._result = None
        options = [*self.start(), *(["--streaming"] * streaming), *self._config.beam_options]
        with self._named():
            return beam.Pipeline(make_runner(self._config.name), PipelineOptions(options))

    def start(self) -> list[str]:
        """Start what pipelines need, once: their options. Prism ends with the thread that does."""
        if self._options is None:
            self._options = self._start()
        return self._options

    def run(self, pipeline: beam.Pipeline) -> Counter[str]:
        """Run to the end and return its counters.

        Raises PrismDied, DatasetUnusable and RunnerUnusable where that is the reason.
        """
        if self.prism is not None and (ended := self.prism.ended()) is not None:
            raise PrismDied(ended)  # Beam would wait for it for ever
        try:
            with self._named():
                self._result = result = pipeline.run()
            result.wait_until_finish()
        except Exception as error:
            within_s = _ENDING_S if _is_of_connection(error) else 0.0
            ended = self.prism.ended(within_s) if self.prism else None
            if ended is not None:
                raise PrismDied(ended) from error
            text = f"{type(error).__name__}: {error}"  # other processes hand errors on as text
            unusable = _UNUSABLE.search(text)
            if unusable is not None:
                raise DatasetUnusable(unusable[1]) from error
            raise
        return self.counters()

    def counters(self) -> Counter[str]:
        """Those of all stages of the pipeline that runs or ended last, as `<stage> <counter>`.

        A distribution counts as `<stage> <name> first` and `last`.
        """
        counts: Counter[str] = Counter()
        result = self._result
        if result is None:
            return counts
        with self._asking:
            result._metrics = None  # a portable result never asks again by itself
            metrics = result.metrics().query()
        for metric in (*metrics["counters"], *metrics["distributions"]):
            namespace, _, stage = metric.key.metric.namespace.partition(".")
            if namespace != "repscore":
                continue
            name = f"{stage} {metric.key.metric.name}"
            value = metric.committed if metric.committed is not None else metric.attempted
            if isinstance(value, DistributionResult):
                ends = {f"{name} first": value.min, f"{name} last": value.max}
                counts = joined(counts, Counter(ends))
            else:
                counts[name] += value or 0
        return counts

    def forget(self) -> None:
        """Count anew: the pipeline that ended is not asked again."""
        self._result = None

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Where a runner that was named takes options and a pipeline, or says why not."""
        try:
            yield
        except Exception as error:  # each runner has classes of its own
            if self._config.name in _OURS:
                raise
            reason = " ".join(str(error).split()) or type(error).__name__
            raise RunnerUnusable(f"--runner {self._config.name}: {reason}") from error

    def close(self) -> None:
        """End what was started."""
        self._processes.close()

    def _start(self) -> list[str]:
        config = self._config
        if config.name == "in-process":
            # Its state is in this process: a cache would only measure it, at each access. Beam's
            # option for the cache's size (--max_cache_memory_usage_mb) does not reach this runner.
            worker_handlers.STATE_CACHE_SIZE_MB = 0
            return []
        self._processes.enter_context(_runner_errors_once())
        options = []
        if config.name == "prism":
            self.prism = PrismProcess(binary_of(config.prism).path)
            self._processes.callback(self.prism.close)
            options = [f"--job_endpoint={self.prism.endpoint}"]
        elif config.job_endpoint is not None:
            options = [f"--job_endpoint={config.job_endpoint}"]
        kind, _, rest = config.environment.partition(":")
        if kind == "LOOPBACK":
            if config.remote:
                return options  # the runner knows where its workers are
            kind, rest = "EXTERNAL", self._processes.enter_context(serving_workers())
        options.append(f"--environment_type={kind}")
        return options + ([f"--environment_config={rest}"] if rest else [])


def make_runner(name: str) -> Any:
    """A runner of Beam; raises ImportError, AttributeError or ValueError for what is none.

    It is always named: Beam's default one looks for another runner's binary on the network.
    """
    return _OURS[name]() if name in _OURS else create_runner(name)


def _is_of_connection(error: BaseException | None) -> bool:
    """Whether a connection to the runner broke: Beam's workers hand on such errors as text, too."""
    return isinstance(error, grpc.RpcError) or _OF_CONNECTION in str(error)


@contextmanager
def _runner_errors_once() -> Iterator[None]:
    """Silence Beam where it loses the runner or hears from it: `run` raises that error already."""
    before, others = threading.excepthook, set(threading.enumerate())

    def hook(arguments: threading.ExceptHookArgs) -> None:
        if not _is_of_connection(arguments.exc_value):
            before(arguments)

    def passes(record: logging.LogRecord) -> bool:
        if record.module == "portable_runner":
            return False
        error = record.exc_info[1] if record.exc_info else None
        return not (_is_of_connection(error) or _OF_CONNECTION in record.getMessage())

    handlers = tuple(logging.root.handlers)
    threading.excepthook = hook
    for handler in handlers:
        handler.addFilter(passes)
    try:
        yield
    finally:
        limit_s = time.monotonic() + _ENDING_S
        for thread in set(threading.enumerate()) - others:  # they end a moment after their runner
            thread.join(max(0.0, limit_s - time.monotonic()))
        threading.excepthook = before
        for handler in handlers:
            handler.removeFilter(passes)
