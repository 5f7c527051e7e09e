"""How cost follows the work: memory, the driver's milliseconds, start-up, nights, polls, files.

    python -m benchmarks.scale memory [--minutes 1 10 120]
    python -m benchmarks.scale inputs [--count 100 1000 20000]
    python -m benchmarks.scale start
    python -m benchmarks.scale night [--known 100 1000 10000] [--new 10]
    python -m benchmarks.scale poll [--names 100000]
    python -m benchmarks.scale files [--nights 100]

Each part prints its figures with their ratio to a baseline of the same run.

- memory: peak of the driver and of the largest worker over generated videos, against the shortest
  one. The estimator is artificial (`ArmRaiser`): what an estimator itself holds is not in question.
- inputs: peak of the driver, and its CPU time per keypoint input of a second beyond the first
  count, against the stages' own functions called one after the other (read, window, rows).
- start: from the command to the first row, and the peak until then, of one keypoint input, and of
  the same command again, against a process that imports Beam's runner and deltalake.
- night: CPU and wall time of a run with some new inputs among many known ones, against the fewest.
- poll: a poll of `watch` over a folder whose files are all known, against a bare listing of it.
- files: files per table after many runs with a new input each, against one file a run.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.machine import describe
from benchmarks.watch_flat import put, remember
from repscore.models.estimator import EstimatorConfig, People
from repscore.pipelines.options import ScoreOptions
from repscore.pipelines.query import query
from repscore.pipelines.score import run
from repscore.transforms.discover.changes import Changes, in_groups
from repscore.transforms.discover.sources import list_inputs
from repscore.transforms.plan.segments import plan_segments
from repscore.transforms.pose.worker import take_keypoints
from repscore.transforms.records import PoseConfig
from repscore.transforms.repetitions.order import recording_of
from repscore.transforms.repetitions.subject import Subjects
from repscore.transforms.score.repetitions import ByConsistency, score_each
from repscore.transforms.tables.delta import read_known, table_files
from repscore.transforms.tables.rows import RunStamp, rows_of
from repscore.transforms.tables.schemas import SCHEMAS
from repscore.transforms.watch.watched_inputs import WatchConfig, WatchedInputs

_FPS: Final = 15
_TICK_S: Final = 0.02
_DEFAULT: Final = EstimatorConfig()


class ArmRaiser:
    """A `PoseEstimator` that looks at no frame: somebody raises both arms, in two seconds each."""

    topology = "blazepose33"

    def __init__(self, config: EstimatorConfig = _DEFAULT) -> None:
        self.identity = self.identity_of(config)

    @staticmethod
    def identity_of(config: EstimatorConfig) -> Mapping[str, str]:
        """See `ESTIMATORS`."""
        return {"estimator": "arm raiser", "model": config.model}

    @staticmethod
    def require(config: EstimatorConfig) -> None:
        """Nothing is needed."""

    def start(self) -> None:
        """See `PoseEstimator`."""

    def track(self, frame_bgr: npt.NDArray[np.uint8], time_s: float) -> People:  # noqa: ARG002
        """See `PoseEstimator`."""
        angle = np.pi * (1 - np.cos(np.pi * time_s)) / 2
        arm = np.array([np.sin(angle), np.cos(angle), 0.0])
        body = np.zeros((33, 3))
        body[:11, 1] = -0.75
        for side, first in ((1.0, 0), (-1.0, 1)):  # BlazePose numbers left, right, left, ...
            flip = np.array([side, 1.0, 1.0])
            shoulder, hip = np.array([0.2, -0.5, 0.0]) * flip, np.array([0.12, 0.0, 0.0]) * flip
            for joint, place in (
                *((11, shoulder), (13, shoulder + 0.3 * arm * flip)),
                *((joint, shoulder + 0.55 * arm * flip) for joint in (15, 17, 19, 21)),
                *((23, hip), (25, hip + [0.0, 0.45, 0.0])),
                *((joint, hip + [0.0, 0.9, 0.0]) for joint in (27, 29, 31)),
            ):
                body[joint + first] = place
        return People(
            person=np.zeros(1, np.int32),
            image_px=(100 * body + [320, 240, 0]).astype(np.float32)[None],
            world_m=body.astype(np.float32)[None],
            visibility=np.ones((1, 33), np.float32),
        )

    def close(self) -> None:
        """See `PoseEstimator`."""


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
        cpu_s: of its own process. wall_s: from start to end.
        first_row_s: from start until `videos` had rows; NaN where it got none.
        first_row_mib: peak of its process until then. peak_mib: until the end.
        worker_mib: peak of the largest process of a Ray actor; 0 where there was none.
    """

    cpu_s: float
    wall_s: float
    first_row_s: float
    first_row_mib: float
    peak_mib: float
    worker_mib: float


def cost_of(command: Sequence[str], root: Path | None = None) -> Cost:
    """Run a command of Python's; `root` is the dataset whose first row is waited for."""
    logs = None if root is None else root / "tables" / "videos" / "_delta_log"
    before = 0 if logs is None else len([*logs.glob("*.json")])
    begun_s = time.monotonic()
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL)  # noqa: S603
    cpu_s = peak_mib = worker_mib = 0.0
    first_row_s = first_row_mib = float("nan")
    while process.poll() is None:
        fields = _proc(process.pid, "stat").rpartition(")")[2].split()
        status = _proc(process.pid, "status")
        if fields and "VmHWM" in status:
            cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            peak_mib = _mib(status, "VmHWM")
        for pid in _workers_of(process.pid):
            worker_mib = max(worker_mib, _mib(_proc(pid, "status"), "VmHWM"))
        # The first entry of a log creates the table.
        if (
            logs is not None
            and np.isnan(first_row_s)
            and len([*logs.glob("*.json")]) > max(1, before)
        ):
            first_row_s, first_row_mib = time.monotonic() - begun_s, peak_mib
        time.sleep(_TICK_S)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: ended with {process.returncode}")
    wall_s = time.monotonic() - begun_s
    return Cost(cpu_s, wall_s, first_row_s, first_row_mib, peak_mib, worker_mib)


def _proc(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:  # it has ended
        return ""


def _mib(status: str, name: str) -> float:
    found = status.partition(f"{name}:")[2].split()
    return int(found[0]) / 1024 if found else 0.0


def _workers_of(ancestor: int) -> list[int]:
    """Ray's actors among the descendants of a process."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        fields = _proc(int(entry.name), "stat").rpartition(")")[2].split()
        if fields:
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, around = list[int](), [ancestor]
    while around:
        around = [child for parent in around for child in children.get(parent, ())]
        found += around
    return [pid for pid in found if _proc(pid, "cmdline").startswith("ray::Worker")]


def _score(inputs: Path, root: Path, *options: str) -> list[str]:
    return ["-m", "repscore.pipelines", "score", str(inputs), "-o", str(root), "--json", *options]


def render(path: Path, minutes: float) -> None:
    """A small grey video."""
    code = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(path), code, _FPS, (64, 48))
    for index in range(max(1, round(60 * minutes * _FPS))):
        writer.write(np.full((48, 64, 3), index % 200, np.uint8))
    writer.release()


def memory(options: argparse.Namespace) -> None:
    """Peaks over the length of a video."""
    first: Cost | None = None
    for minutes in options.minutes:
        with tempfile.TemporaryDirectory() as place:
            video, root = Path(place, "video.mp4"), Path(place, "dataset")
            render(video, minutes)
            cost = cost_of(
                _score(video, root, "--estimator", "benchmarks.scale:ArmRaiser", "--actors", "1")
            )
        first = first or cost
        print(
            f"{minutes:g} minutes: driver {cost.peak_mib:.0f} MiB "
            f"({cost.peak_mib / first.peak_mib:.2f} times that of {options.minutes[0]:g}), "
            f"worker {cost.worker_mib:.0f} MiB ({cost.worker_mib / first.worker_mib:.2f} times)",
            flush=True,
        )


def inputs(options: argparse.Namespace) -> None:
    """Peaks and the driver's milliseconds over the number of tiny inputs."""
    with tempfile.TemporaryDirectory() as place:
        bare_ms = _bare_ms(Path(place))
    print(f"the stages' own functions: {bare_ms:.1f} ms per input of a second")
    first: Cost | None = None
    for count in options.count:
        with tempfile.TemporaryDirectory() as place:
            cost = cost_of(_score(_folder(Path(place), count), Path(place, "dataset")))
        line = f"{count} inputs: driver {cost.peak_mib:.0f} MiB"
        if first is not None:
            each_ms = 1000 * (cost.cpu_s - first.cpu_s) / (count - options.count[0])
            line += (
                f" ({cost.peak_mib / first.peak_mib:.2f} times that of {options.count[0]}), "
                f"{each_ms:.1f} ms per input ({each_ms / bare_ms:.2f} times the functions)"
            )
        first = first or cost
        print(line, flush=True)


def _folder(place: Path, count: int, first: int = 0) -> Path:
    """A folder with keypoints of a second each, by numbers from `first` on."""
    folder = place / "inputs"
    folder.mkdir(exist_ok=True)
    for number in range(first, first + count):
        put(folder, number)
    return folder


def _bare_ms(place: Path, count: int = 100) -> float:
    """CPU milliseconds per input of what the stages do, without a runner."""
    folder, poses, subjects = _folder(place, count), PoseConfig(), Subjects()
    stamp = RunStamp("run", datetime.now(UTC), "config")
    begun_s = time.process_time()
    for videos, _ in in_groups(list_inputs([str(folder)]), Changes({}, ""), count):
        for video in videos:
            segments = plan_segments(video, poses)
            taken = [take_keypoints(poses, str(place / "bare"), segment) for segment in segments]
            (scored,) = score_each([recording_of(taken, subjects)], ByConsistency())
            rows_of(scored, stamp)
    return 1000 * (time.process_time() - begun_s) / count


def start(options: argparse.Namespace) -> None:
    """Time and memory before the first row."""
    libraries = "import deltalake, apache_beam.runners.portability.fn_api_runner"
    with tempfile.TemporaryDirectory() as place:
        folder, root = _folder(Path(place), 1), Path(place, "dataset")
        costs = [
            (
                cost_of(["-c", libraries]),
                cost_of(_score(folder, root / f"{time}"), root / f"{time}"),
            )
            for time in range(options.times)
        ]
        again = cost_of(_score(folder, root / "0"))
    base, first = min(costs, key=lambda pair: pair[1].cpu_s)
    print(f"Beam's runner and deltalake: {base.wall_s:.1f} s, {base.peak_mib:.0f} MiB")
    print(
        f"first row after {first.first_row_s:.1f} s ({first.first_row_s / base.wall_s:.1f} times), "
        f"{first.cpu_s:.1f} s of CPU in all, {first.first_row_mib:.0f} MiB "
        f"({first.first_row_mib / base.peak_mib:.1f} times)"
    )
    print(
        f"nothing new: {again.wall_s:.1f} s ({again.wall_s / base.wall_s:.1f} times), "
        f"{again.cpu_s:.1f} s of CPU, {again.peak_mib:.0f} MiB "
        f"({again.peak_mib / base.peak_mib:.1f} times)"
    )


def night(options: argparse.Namespace) -> None:
    """A run with a few new inputs over the number of known ones."""
    first: Cost | None = None
    for known in options.known:
        with tempfile.TemporaryDirectory() as place:
            folder, root = _folder(Path(place), 1), Path(place, "dataset")
            cost_of(_score(folder, root))
            for number in range(1, known):
                (folder / f"known{number}.keypoints.npz").write_bytes(b"known")
            remember(folder, str(root), _config_of(root))
            _folder(Path(place), options.new, first=1)
            cost = cost_of(_score(folder, root))
        first = first or cost
        print(
            f"{options.new} new among {known} known: {cost.cpu_s:.1f} s of CPU "
            f"({cost.cpu_s / first.cpu_s:.2f} times that of {options.known[0]}), "
            f"{cost.wall_s:.1f} s, {cost.peak_mib:.0f} MiB",
            flush=True,
        )


def _config_of(root: Path) -> str:
    runs = query(str(root), "SELECT config FROM runs LIMIT 1")
    assert runs is not None
    ((config,),) = runs.fetchall()
    return str(config)


def poll(options: argparse.Namespace) -> None:
    """A poll over a folder of known files."""
    with tempfile.TemporaryDirectory() as place:
        folder, root = Path(place, "inputs"), str(Path(place, "dataset"))
        folder.mkdir()
        for number in range(options.names):
            (folder / f"{number}.keypoints.npz").write_bytes(b"known")
        remember(folder, root, "config")
        watched = WatchedInputs(WatchConfig((str(folder),)), read_known(root), "config")

        def listing() -> None:
            with os.scandir(folder) as entries:
                for entry in entries:
                    entry.stat()

        bare_s, poll_s = (_least_s(call, options.times) for call in (listing, watched.poll))
    print(
        f"a poll of {options.names} known names: {poll_s:.2f} s of CPU, "
        f"{poll_s / bare_s:.1f} times a bare listing ({bare_s:.2f} s)"
    )


def _least_s(call: Callable[[], object], times: int) -> float:
    """The least CPU time of some calls."""
    seconds = []
    for _ in range(times):
        begun_s = time.process_time()
        call()
        seconds.append(time.process_time() - begun_s)
    return min(seconds)


def files(options: argparse.Namespace) -> None:
    """Files per table after many nights."""
    with tempfile.TemporaryDirectory() as place:
        root = str(Path(place, "dataset"))
        for number in range(options.nights):
            folder = _folder(Path(place), 1, first=number)
            run(ScoreOptions(inputs=(str(folder),), output=root), quiet=True)
        count = {name: len(table_files(root, name)) for name in SCHEMAS}
    most = max(count.values())
    print(
        f"files after {options.nights} nights: {count}; the most is {most / options.nights:.2f} "
        "times one file a night"
    )


def main() -> None:
    """Run one part, and print its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = parser.add_subparsers(required=True)
    for part, name, kind, default in (
        (memory, "--minutes", float, [1.0, 10.0, 120.0]),
        (inputs, "--count", int, [100, 1000, 20_000]),
        (start, "--times", int, 3),
        (night, "--known", int, [100, 1000, 10_000]),
        (poll, "--names", int, 100_000),
        (files, "--nights", int, 100),
    ):
        chosen = parts.add_parser(part.__name__, help=part.__doc__)
        chosen.set_defaults(part=part)
        several = "+" if isinstance(default, list) else None
        chosen.add_argument(name, type=kind, default=default, nargs=several)
        if part is night:
            chosen.add_argument("--new", type=int, default=10)
        if part is poll:
            chosen.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    print(describe(), flush=True)
    options.part(options)


if __name__ == "__main__":
    main()
