"""Where the light stages run: in this process, on Prism, or on any portable runner."""

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
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.portability.portable_runner import PortableRunner
from apache_beam.runners.portability.prism_runner import PrismRunner

from repscore.pipelines.options import RunnerConfig
from repscore.pipelines.runner.prism import PrismDied, PrismProcess, binary_of
from repscore.pipelines.runner.workers import serving_workers
from repscore.transforms.errors import DatasetUnusable

_ENDING_S: Final = 1.0
_UNUSABLE: Final = re.compile(r"(?:DatasetUnusable|PoolBroken): (.+?)(?: \[while running|\n|$)")


class Runner:
    """Makes pipelines for a runner; its processes start with the first one and end with `close`."""

    def __init__(self, config: RunnerConfig) -> None:
        self._config = config
        self._processes = ExitStack()
        self._options: list[str] | None = None
        self._result: Any = None
        self.prism: PrismProcess | None = None

    def pipeline(self, *, streaming: bool = False) -> beam.Pipeline:
        """A pipeline to fill and to `run`."""
        if self._options is None:
            self._options = self._start()
        # The runner is named: the default one looks for another runner's binary on the network.
        runner: Any = {"in-process": FnApiRunner, "prism": PrismRunner, "portable": PortableRunner}
        options = [*self._options, *(["--streaming"] * streaming), *self._config.beam_options]
        return beam.Pipeline(runner=runner[self._config.name](), options=PipelineOptions(options))

    def run(self, pipeline: beam.Pipeline) -> Counter[str]:
        """Run to the end and return its counters.

        Raises PrismDied and DatasetUnusable where that is the reason.
        """
        try:
            self._result = result = pipeline.run()
            result.wait_until_finish()
        except Exception as error:
            within_s = _ENDING_S if isinstance(error, grpc.RpcError) else 0.0
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
        """Those of all stages of the pipeline that runs or ended last, as `<stage> <counter>`."""
        counts: Counter[str] = Counter()
        if self._result is None:
            return counts
        self._result._metrics = None  # a portable result never asks again by itself
        for counter in self._result.metrics().query()["counters"]:
            metric = counter.key.metric
            if metric.namespace.startswith("repscore."):
                value = counter.committed if counter.committed is not None else counter.attempted
                counts[f"{metric.namespace.removeprefix('repscore.')} {metric.name}"] += value or 0
        return counts

    def close(self) -> None:
        """End what was started."""
        self._processes.close()

    def _start(self) -> list[str]:
        config = self._config
        if (
            config.name == "in-process"
        ):  # its state is in this process: a cache would only measure it
            return ["--max_cache_memory_usage_mb=0"]
        self._processes.enter_context(_runner_errors_once())
        endpoint = config.job_endpoint
        if config.name == "prism":
            self.prism = PrismProcess(binary_of(config.prism).path)
            self._processes.callback(self.prism.close)
            endpoint = self.prism.endpoint
        kind, _, rest = config.environment.partition(":")
        if kind == "LOOPBACK":
            kind, rest = "EXTERNAL", self._processes.enter_context(serving_workers())
        options = [f"--job_endpoint={endpoint}", f"--environment_type={kind}"]
        return options + ([f"--environment_config={rest}"] if rest else [])


@contextmanager
def _runner_errors_once() -> Iterator[None]:
    """Silence Beam's threads when they lose the runner: `run` raises that error already."""
    before, others = threading.excepthook, set(threading.enumerate())

    def hook(arguments: threading.ExceptHookArgs) -> None:
        if not issubclass(arguments.exc_type, grpc.RpcError):
            before(arguments)

    def passes(record: logging.LogRecord) -> bool:
        kind = record.exc_info[0] if record.exc_info else None
        return kind is None or not issubclass(kind, grpc.RpcError)

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
