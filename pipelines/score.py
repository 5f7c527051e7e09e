"""The main job: inputs -> poses -> repetitions -> scores -> tables, incremental and idempotent."""

import json
import platform
import posixpath
import queue
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain
from typing import Any, Final, TypeVar

from deltalake.exceptions import DeltaError

from repscore.models.estimator import Unavailable, UnknownEstimator, estimator_class
from repscore.models.scorer.files import CONSISTENCY_VERSION
from repscore.models.weights import WeightsCorrupt, WeightsMissing
from repscore.pipelines.logs import of_run, without_secrets
from repscore.pipelines.norms import default_file
from repscore.pipelines.options import (
    SCORERS,
    MetricsConfig,
    NoReference,
    NoScorer,
    RunnerUnusable,
    ScoreOptions,
    config_key,
)
from repscore.pipelines.overlap import Begun, overlap
from repscore.pipelines.progress import follower
from repscore.pipelines.ready import NotReady, check_output, check_ray, check_runner
from repscore.pipelines.report import RunReport, RunState
from repscore.pipelines.runner.prism import PrismMissing, binary_of
from repscore.transforms.discover.changes import Changes, in_groups
from repscore.transforms.discover.folders import in_words
from repscore.transforms.discover.sources import (
    InputNotFound,
    Source,
    list_inputs,
    require,
)
from repscore.transforms.discover.vanished import Vanished, may_be_there, vanished
from repscore.transforms.files import absolute, join, replacing
from repscore.transforms.pose.figures import PoseFigures, figures_of, joined
from repscore.transforms.pose.placement import check_cluster
from repscore.transforms.pose.pool import PosePool
from repscore.transforms.pose.pool_plan import streams_of
from repscore.transforms.pose.pools import broken_pool, close_pools, shared_pool
from repscore.transforms.pose.version import estimated_version
from repscore.transforms.records import Known, Video
from repscore.transforms.storage import StoreUnusable
from repscore.transforms.tables.delta import (
    HISTORY_DAYS,
    UnusableRootError,
    append_run,
    check_tables,
    read_known,
    reason_of,
)
from repscore.transforms.tables.drop import drop_inputs
from repscore.transforms.tables.rows import RunStamp
from repscore.transforms.tables.upkeep import WATCHED_HISTORY_DAYS, try_to_tend
from repscore.transforms.threads import in_thread
from repscore.transforms.watch.arrivals import ArrivalStatus

UNUSABLE: Final = (
    *(InputNotFound, WeightsMissing, WeightsCorrupt, NoReference, NoScorer),
    *(UnknownEstimator, Unavailable, UnusableRootError, PrismMissing, NotReady, RunnerUnusable),
    StoreUnusable,
)
"""What is wrong with a run before it starts."""

_LIGHT: Final = ("repetitions", "score", "write")
_VERSIONS: Final = (
    *("repscore", "apache-beam", "ray", "mediapipe", "opencv-contrib-python", "torch", "openvino"),
    *("pyarrow", "deltalake"),
)


_T = TypeVar("_T")


class UnusableConfiguration(ValueError):
    """A run cannot start; the message says what to change."""


@dataclass(frozen=True)
class OpenRun:
    """A run that has started: its row in `runs` is written, its scorer is ready.

    Attributes:
        before: what the pool had done by then, for reference clips.
    """

    options: ScoreOptions
    scorer: str | None
    known: Mapping[str, Known]
    stamp: RunStamp
    row: dict[str, Any]
    pool: PosePool
    started_s: float
    before: PoseFigures

    def progress(self, runner: Any) -> Callable[[], PoseFigures]:
        """What says how far the poses are: the pool, else the counters of the pipeline."""
        if not self.options.runner.remote:
            return self.pool.status
        return lambda: figures_of(runner.counters())

    def state(
        self, counts: Counter[str], unchanged: int, arrivals: ArrivalStatus | None = None
    ) -> RunState:
        """What was done so far: `counts` are of the groups that have ended."""
        if self.options.runner.remote:
            poses, before = figures_of(counts), PoseFigures()
        else:
            poses, before = self.pool.status(), self.before
        frames = poses.finished_frames - before.finished_frames
        decoded_s = poses.decoded_s - before.decoded_s
        return RunState(counts, poses, frames, decoded_s, unchanged, arrivals)

    @contextmanager
    def published(
        self, state_of: Callable[[], RunState | None]
    ) -> Iterator[Callable[[RunReport], RunReport]]:
        """Publish its metrics, if asked to, until the block ends; what it yields ends the run."""
        if self.options.metrics == MetricsConfig():
            yield lambda report: report
            return
        from repscore.pipelines.metrics import RunMetrics, published

        row, dataset = self.row, without_secrets(self.options.output)
        metrics = RunMetrics(
            {"dataset": dataset, "command": row["command"]},
            {"run_id": row["run_id"], "device": row["device"]},
            state_of,
            self.started_s,
        )

        def end(report: RunReport) -> RunReport:
            metrics.end(succeeded=report.failure_rate <= self.options.max_failure_rate)
            return report

        with published(self.options.metrics, metrics):
            yield end

    def close(
        self,
        counts: Counter[str],
        skipped: int,
        passed_over: Counter[str],
        lost: Vanished = Vanished((), (), ()),  # noqa: B008 - it is frozen
        dropped: int = 0,
    ) -> RunReport:
        """Complete the row in `runs`."""
        poses = figures_of(counts)
        busy_s = {stage: counts[f"{stage} microseconds"] / 1e6 for stage in ("plan", *_LIGHT)}
        started_s = self.stamp.processed_at.timestamp()
        at_once = poses.actors * streams_of(self.options.poses.device, self.options.pool)
        busy_s["pose"] = poses.busy_s / max(1, at_once)
        row = self.row | {
            "finished_at": datetime.now(UTC),
            "inputs": skipped + counts["discover in"],
            "skipped": skipped,
            "passed_over": in_words(passed_over),
            "vanished": len(lost.gone) + len(lost.kept),
            "dropped": dropped,
            "videos": counts["write in"],
            "repetitions": counts["write repetitions"],
            "failures": counts["write failures"],
            "frames": poses.frames,
            "decoded_s": poses.decoded_s,
            "wall_s": time.monotonic() - self.started_s,
            "start_up_s": poses.first_s - started_s if poses.first_s is not None else None,
            "frames_per_s": poses.frames / poses.span_s if poses.span_s else None,
            "limiting_stage": max(busy_s, key=lambda stage: busy_s[stage]),
            "stage_s": json.dumps({stage: round(spent, 3) for stage, spent in busy_s.items()}),
            "workers": json.dumps(
                [each.figures() for each in self.pool.status().workers if each.steps]
            ),
        }
        append_run(self.options.output, row)
        watched = row["command"] == "watch"
        days = WATCHED_HISTORY_DAYS if watched else HISTORY_DAYS
        return RunReport(
            row, counts["write failed"], try_to_tend(self.options.output, days), lost.empty
        )


@contextmanager
def opened(options: ScoreOptions, command: str, *, quiet: bool) -> Iterator[OpenRun]:
    """A run for the time of the block; its actors end with the block.

    Raises UnusableConfiguration, before anything is written, for inputs, weights or references
    that cannot be used, and PoolBroken.
    """
    try:
        yield _open(options, command, quiet=quiet)
    except UNUSABLE as error:
        # A pool that cannot start raises within Beam, which adds words of its own.
        raise UnusableConfiguration(str(broken_pool() or error)) from error
    except Exception as error:
        if (broken := broken_pool()) is not None:  # Beam's own error holds it as text
            raise broken from error
        raise
    finally:
        close_pools()


def _open(options: ScoreOptions, command: str, *, quiet: bool) -> OpenRun:
    started_at, started_s = datetime.now(UTC), time.monotonic()
    root = options.output
    if options.runner.remote:  # whose workers are in folders of their own
        root = absolute(root)
        options = replace(options, output=root)
    require(options.inputs)
    check_output(root)
    check_runner(options.runner)
    if options.runner.name == "prism":
        binary_of(options.runner.prism)
    estimator_class(options.poses.estimator).require(options.poses)
    if not options.runner.remote:  # else Ray is where Beam's workers are
        check_ray(options.pool.ray_address)
        check_cluster(options.poses.device, options.pool)
    _of_tables(root, lambda: check_tables(root))
    rows = _of_tables(root, lambda: read_known(root))
    scorer, scorer_version = prepare_scorer(options, quiet=quiet)
    pose_version = estimated_version(options.poses)
    config = config_key(options, pose_version, scorer_version)
    stamp = RunStamp(uuid.uuid4().hex, started_at, config, options.language)
    of_run(stamp.run_id)
    row = opening_row(options, stamp, command, scorer, pose_version)
    _of_tables(root, lambda: append_run(root, row))
    known = {uri: known for uri, known in rows.items() if uri not in options.again}
    pool = shared_pool(options.poses, root, options.pool)
    return OpenRun(options, scorer, known, stamp, row, pool, started_s, pool.status())


def _of_tables(root: str, act: Callable[[], _T]) -> _T:
    """What an act on tables gives; raises UnusableRootError where they cannot be used."""
    try:
        return act()
    except (OSError, DeltaError) as error:
        raise UnusableRootError(f"{root}: its tables cannot be used: {reason_of(error)}") from error


def run(options: ScoreOptions, *, quiet: bool = False) -> RunReport:
    """Score what is new or changed among the inputs, group by group; each group is committed.

    Raises UnusableConfiguration, before anything is written, for inputs, weights or references
    that cannot be used. Whatever is wrong with a single video ends in `failures` instead.
    """
    passed_over: Counter[str] = Counter()
    sources = sources_of(options, passed_over)
    with overlap() as overlapping, opened(options, "score", quiet=quiet) as open_run:
        options = open_run.options
        counts: Counter[str] = Counter()
        listed: set[str] = set()
        changes = Changes(open_run.known, open_run.stamp.config)
        groups = in_groups(_noted(sources, listed), changes, options.group_size)
        runner = GroupRunner(open_run, quiet=quiet)
        with open_run.published(lambda: open_run.state(counts, runner.unchanged)) as end:
            with closing(runner):
                for counted in overlapping.results(groups, runner.begin, runner.most):
                    counts = joined(counts, counted)
                drops = options.drop_vanished
                known = read_known(options.output, failed=True) if drops else open_run.known
                lost = vanished(known, options.inputs, listed, may_be_there)
                gone = [uri for uri in lost.gone if drops and not may_be_there(uri)]
                heirs = iter([(changes.without(gone), 0)] if gone else [])
                for counted in overlapping.results(heirs, runner.begin, runner.most):
                    counts = joined(counts, counted)
            drop_inputs(options.output, gone)
            return end(open_run.close(counts, runner.unchanged, passed_over, lost, len(gone)))


def _noted(sources: Iterable[Source], listed: set[str]) -> Iterator[Source]:
    for source in sources:
        listed.add(source.uri)
        yield source


class GroupRunner:
    """Runs groups of videos in threads, each with a runner of its own.

    Attributes:
        most: how many may run at once. Two in this process: the workers have the first segments of
            one group while the other ends. Another runner overlaps its work by itself.
        unchanged: inputs met whose rows are current.
    """

    def __init__(self, open_run: OpenRun, *, quiet: bool) -> None:
        self._run, self._quiet = open_run, quiet
        self._runners: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._resources = ExitStack()
        self._begun = 0
        self.most = 2 if open_run.options.runner.name == "in-process" else 1
        self.unchanged = 0

    def begin(self, group: tuple[Sequence[Video], int]) -> Begun[Counter[str]] | None:
        """Run the videos of a group; None where it has none."""
        videos, unchanged = group
        self.unchanged += unchanged
        if not videos:
            return None
        from repscore.pipelines.group import run_group  # slow to import: often nothing is new

        if not self._begun:
            self._start()
        self._begun += 1
        run, runner = self._run, self._runners.get()

        def work() -> Counter[str]:
            try:
                return run_group(runner, videos, run.options, run.scorer, run.stamp)
            finally:
                self._runners.put(runner)

        title = f"group {self._begun}, {len(videos)} videos"
        size_bytes = sum(video.size_bytes for video in videos)
        follow = follower(title, size_bytes, run.progress(runner), quiet=self._quiet)
        return Begun(in_thread(work, title), follow)

    def close(self) -> None:
        """End the runners."""
        self._resources.close()

    def _start(self) -> None:
        from repscore.pipelines.runner.runner import Runner

        for _ in range(self.most):
            runner = Runner(self._run.options.runner)
            runner.start()  # not in a group's thread, with which Prism would end
            self._runners.put(self._resources.enter_context(closing(runner)))


def sources_of(options: ScoreOptions, passed_over: Counter[str]) -> Iterator[Source]:
    """The inputs of a run; raises UnusableConfiguration where there are none."""
    inputs = options.inputs
    try:
        require(inputs)
        sources = list_inputs(inputs, passed_over, pictures=options.poses.fps is not None)
        first = next(sources, None)
    except InputNotFound as error:
        raise UnusableConfiguration(str(error)) from error
    if first is None:
        found = in_words(passed_over) or "nothing"
        raise UnusableConfiguration(
            f"{', '.join(inputs)}: expected videos or keypoints, found {found}; a file that is "
            "named itself is taken whatever it is called"
        )
    return chain([first], sources)


def prepare_scorer(options: ScoreOptions, *, quiet: bool) -> tuple[str | None, str]:
    """Put the scorer's file into the dataset; its path (None scores consistency) and version."""
    if options.scorer is None and not options.references:
        return None, CONSISTENCY_VERSION
    content, scorer_version = default_file(options) or _made(options, quiet=quiet)
    path = join(options.output, SCORERS, f"{scorer_version}.safetensors")
    with replacing(path) as file:
        file.write(content)
    return path, scorer_version


def _made(options: ScoreOptions, *, quiet: bool) -> tuple[bytes, str]:
    from repscore.models.scorer.model import scorer_bytes, version_of  # torch waits until needed
    from repscore.pipelines.learn import scorer_of

    scorer = scorer_of(options, quiet=quiet)
    assert scorer is not None, "a scorer or references were given"  # noqa: S101
    return scorer_bytes(scorer), version_of(scorer)


def opening_row(
    options: ScoreOptions, stamp: RunStamp, command: str, scorer: str | None, pose_version: str
) -> dict[str, Any]:
    """The row of `runs` for a run that has started; `scorer` lies in the dataset."""
    name = None if scorer is None else f"{SCORERS}/{posixpath.basename(scorer)}"
    versions = {name: version(name) for name in _VERSIONS}
    return {
        "run_id": stamp.run_id,
        "started_at": stamp.processed_at,
        "command": command,
        "config": stamp.config,
        "configuration": options.to_json(name, pose_version),
        "versions": json.dumps(versions | {"python": platform.python_version()}),
        "device": options.poses.device,
    }
