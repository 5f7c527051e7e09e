"""Break the pipeline while it runs, run it again, and compare: `python tests/faults.py`.

Each trial is a dataset of its own, in which one fault comes at a random moment. Then the same
command runs again, and the tables must be those of an undisturbed run, row by row. Faults are real
(signals, files that are damaged or removed), or errors that `injected.py` raises in the program.
"""

import argparse
import collections
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import keypoints
import numpy as np
import videos
from rows import Rows, tables

from repscore.pipelines.query import QueryError

_LIMIT_S: Final = 300.0
_GONE_S: Final = 15.0
_TICK_S: Final = 0.02
_HERE: Final = Path(__file__).parent
_PROGRAM: Final = """
import sys
from repscore.pipelines.signals import end_on_signals
end_on_signals(sys.argv[1])  # before there are threads
import injected
from repscore.pipelines.cli import main
main()
"""
_ESTIMATOR: Final = ("--estimator", "injected:ArmRaiser")
_OPTIONS: Final = ("--segment-seconds", "5", "--group-size", "2", "--segment-timeout", "20")
_PRISM: Final = ("--runner", "prism")

Tables = Mapping[str, Rows]
Run = subprocess.Popen[str]


class Unmet(AssertionError):
    """A run did something else than it must."""


def make_archive(folder: Path) -> None:
    """Three videos of four to eight seconds, keypoints, and a file that is none."""
    for index in range(3):
        videos.plain(folder / f"{index}.mp4", frames=40 + 20 * index)
    places = np.stack([keypoints.blazepose(time_s) for time_s in np.arange(0, 6, 0.1)])
    np.savez(folder / "3.keypoints.npz", image_px=places, time_s=np.arange(0, 6, 0.1))
    (folder / "broken.mp4").write_bytes(b"\0" * 100)


@dataclass
class Trial:
    """A dataset, and the runs of the same command over it.

    Attributes:
        place: a folder with a short name: sockets lie below it.
        struck_s: monotonic time when the fault came, None before.
        whole: an undisturbed dataset.
    """

    archive: Path
    place: Path
    chance: random.Random
    whole: Path
    options: Sequence[str] = ()
    struck_s: float | None = None
    runs: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def dataset(self) -> Path:
        return self.place / "d"

    @property
    def flags(self) -> Path:
        return self.place / "f"

    def start(self, *command: str) -> Run:
        """Start `score`, or another command."""
        for folder in (self.flags, self.place / "t"):
            folder.mkdir(parents=True, exist_ok=True)
        score = ("score", f"faulty://{self.archive}", "-o", str(self.dataset), *_OPTIONS)
        words = [*(command or (*score, *self.options)), *_ESTIMATOR, "--json"]
        paths = (str(_HERE), os.environ.get("PYTHONPATH", ""))
        run = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, paths)),
                "FAULTS_FOLDER": str(self.flags),
                "TMPDIR": str(self.place / "t"),
            },
        )
        self.runs.append(run.pid)
        return run

    def arm(self, flag: str, words: str) -> None:
        """Let a fault of `injected.py` come in the runs that follow."""
        self.flags.mkdir(parents=True, exist_ok=True)
        (self.flags / flag).write_text(words)

    def disarm(self) -> None:
        """What failed works again; raises Unmet where no fault came."""
        struck = self.flags / "struck"
        if not struck.exists():
            raise Unmet("the fault never came")
        self.struck_s = float(struck.read_text().split()[0])
        for flag in self.flags.iterdir():
            if flag != struck:
                flag.unlink()

    def ended(self, run: Run, *statuses: int) -> int:
        """The status of a run, one of those expected; what it says is one line unless it is 0."""
        try:
            _, errors = run.communicate(timeout=_LIMIT_S)
        except subprocess.TimeoutExpired:
            kill(self.processes())
            raise Unmet(f"the run did not end within {_LIMIT_S:g} s") from None
        lines = errors.splitlines()
        if run.returncode not in statuses:
            raise Unmet(f"status {run.returncode}, expected {statuses}: {errors[-1500:]}")
        if len(lines) != bool(run.returncode) and run.returncode != -signal.SIGKILL:
            raise Unmet(f"status {run.returncode} with {len(lines)} lines: {errors[-1500:]}")
        self.said += lines
        return run.returncode

    def processes(self, *names: str) -> list[int]:
        """Processes that came of this trial's runs; those alone whose command has a name."""
        # Ray's workers write their title over their environment, Prism has a session of its own.
        mark, found = os.fsencode(f"FAULTS_FOLDER={self.flags}\0"), []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                session = int((entry / "stat").read_text().rpartition(")")[2].split()[3])
                if session not in self.runs and mark not in (entry / "environ").read_bytes():
                    continue
                program = (entry / "cmdline").read_bytes().partition(b"\0")[0].decode()
                if not names or any(name in program for name in names):
                    found.append(int(entry.name))
        return found

    def pose_files(self) -> list[Path]:
        return sorted(self.dataset.glob("poses/**/[!.]*.parquet"))

    def until(self, happens: Callable[[], Any], run: Run) -> None:
        """Wait for it, for as long as the run goes on."""
        limit_s = time.monotonic() + _LIMIT_S
        while not happens() and run.poll() is None:
            if time.monotonic() > limit_s:
                raise Unmet("the moment to strike never came")
            time.sleep(_TICK_S)

    def strike(self, run: Run, number: int, *names: str) -> None:
        """Send a signal to one of the named processes, or to the driver, in the middle of a run."""
        self.until(self.pose_files, run)
        time.sleep(self.chance.uniform(0, 0.8))
        found = self.processes(*names) if names else [run.pid]
        if run.poll() is not None or not found:
            raise Unmet("the run had ended before the fault came")
        self.struck_s = time.monotonic()
        os.kill(self.chance.choice(found), number)

    def take(self) -> None:
        """Begin with the undisturbed dataset."""
        shutil.copytree(self.whole, self.dataset)

    def left_files(self) -> list[str]:
        """Temporary files and folders, in the temporary directory and in the dataset."""
        temporary = (self.place / "t").iterdir()
        return [
            str(path.relative_to(self.place))
            for path in (*temporary, *self.dataset.rglob(".*"))
            if path.name != "session_latest"
        ]


def command(pid: int) -> str:
    """What a process runs, without its arguments' values; empty where it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()[:200]
    return ""


def kill(pids: Sequence[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


Act = Callable[[Trial], None]


@dataclass(frozen=True)
class Fault:
    """What happens to a run.

    Attributes:
        how: `real`, or what `injected.py` replaces.
        act: makes it happen, and lets the run end that it happens to.
        again: the command that recovers, where it is not the same one.
    """

    name: str
    how: str
    act: Act
    options: Sequence[str] = ()
    again: str | None = None


def killed(number: int, *names: str, ends: Sequence[int]) -> Act:
    """A signal for a process of the run."""

    def act(trial: Trial) -> None:
        run = trial.start()
        trial.strike(run, number, *names)
        trial.ended(run, *ends)

    return act


def flagged(flag: str, words: str, *ends: int) -> Act:
    """A fault of `injected.py` during one run."""

    def act(trial: Trial) -> None:
        trial.arm(flag, words)
        trial.ended(trial.start(), *ends)
        trial.disarm()

    return act


def clock_jumps(trial: Trial) -> None:
    """By an hour, forwards or back, some seconds after the start."""
    jump_s = trial.chance.choice((-3600, 3600))
    trial.struck_s = time.monotonic() + trial.chance.uniform(3, 12)
    trial.arm("clock", f"{trial.struck_s} {jump_s}")
    trial.ended(trial.start(), 0)
    (trial.flags / "clock").unlink()


def two_at_once(trial: Trial) -> None:
    trial.struck_s = time.monotonic()
    runs = [trial.start(), trial.start()]
    for run in runs:
        trial.ended(run, 0)


def poses_damaged(trial: Trial) -> None:
    """A byte of a pose file changes; the tables are lost, so that it is needed."""
    trial.take()
    file = trial.chance.choice(trial.pose_files())
    content = bytearray(file.read_bytes())
    content[trial.chance.randrange(len(content))] ^= 0x55
    file.write_bytes(content)
    shutil.rmtree(trial.dataset / "tables")
    trial.struck_s = time.monotonic()


def poses_missing(trial: Trial) -> None:
    trial.take()
    trial.chance.choice(trial.pose_files()).unlink()
    shutil.rmtree(trial.dataset / "tables")
    trial.struck_s = time.monotonic()


def contents(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def refused(trial: Trial, log: Path, text: str) -> None:
    """With this log of a table a run ends in one line and changes nothing; then it is restored."""
    before, trial.struck_s = log.read_text(), time.monotonic()
    log.write_text(text)
    damaged = contents(trial.dataset)
    trial.ended(trial.start(), 1, 2)
    if contents(trial.dataset) != damaged:
        raise Unmet("a run that cannot read a table changed the dataset")
    log.write_text(before)


def _log(trial: Trial, which: int) -> Path:
    """The first or the last log entry of a table."""
    name = trial.chance.choice(("runs", "videos", "repetitions", "sets", "feedback", "failures"))
    return sorted(trial.dataset.glob(f"tables/{name}/_delta_log/*.json"))[which]


def log_torn(trial: Trial) -> None:
    trial.take()
    log = _log(trial, -1)
    text = log.read_text()
    refused(trial, log, text[: trial.chance.randrange(1, len(text) - 2)])


def log_of_newer_version(trial: Trial) -> None:
    trial.take()
    log = _log(trial, 0)
    newer = {"protocol": {"minReaderVersion": 99, "minWriterVersion": 99}}
    lines = [line for line in log.read_text().splitlines() if "protocol" not in json.loads(line)]
    refused(trial, log, "\n".join([json.dumps(newer), *lines]) + "\n")


_KILLED: Final = -signal.SIGKILL
FAULTS: Final = (
    Fault("SIGKILL of the driver", "real", killed(9, ends=(_KILLED, 0))),
    Fault("SIGKILL of a pose worker", "real", killed(9, "ray::Worker", ends=(0,))),
    Fault("SIGSTOP of a pose worker", "real", killed(19, "ray::Worker", ends=(0,))),
    Fault("SIGKILL of the raylet", "real", killed(9, "raylet/raylet", ends=(0, 1))),
    Fault("SIGKILL of Ray's GCS", "real", killed(9, "gcs/gcs_server", ends=(0, 1))),
    Fault("SIGKILL of Prism", "real", killed(9, "prism", ends=(0, 1)), _PRISM),
    Fault("SIGINT of the driver", "real", killed(2, ends=(0, 130))),
    Fault("SIGTERM of the driver", "real", killed(15, ends=(0, 143))),
    Fault("SIGKILL of the driver, Prism", "real", killed(9, ends=(_KILLED, 0)), _PRISM),
    Fault("two runs at once", "real", two_at_once),
    Fault("pose file damaged", "real", poses_damaged),
    Fault("pose file missing", "real", poses_missing),
    Fault("last log entry torn", "real", log_torn),
    Fault("table of a newer version", "real", log_of_newer_version),
    Fault("disk full for poses", "patch", flagged("full for poses", "1", 1)),
    Fault("disk full for tables", "patch", flagged("full for tables", "1", 1)),
    Fault("connection reset", "store", flagged("reset", "2", 0)),
    Fault("connection reset in a worker", "store", flagged("reset", "2 workers", 0)),
    Fault("503 in the middle", "store", flagged("unavailable", "2", 0)),
    Fault("read stalls", "store", flagged("stall", "1", 0)),
    Fault("credentials expired", "store", flagged("denied", "1000", 0), again="replay"),
    Fault("object gone for a while", "store", flagged("vanished", "1000", 0)),
    Fault("worker aborts", "patch", flagged("crash", "1", 0)),
    Fault("worker hangs", "patch", flagged("hang", "1", 0)),
    Fault("worker without memory", "patch", flagged("memory", "1", 0)),
    Fault("wall clock jumps", "patch", clock_jumps),
)


@dataclass(frozen=True)
class Outcome:
    """What became of one trial.

    Attributes:
        recovered: the tables are those of an undisturbed run.
        lost, doubled: rows that are missing, and rows more than there are.
        recovery_s: from the fault to the end of the run after which the dataset was whole.
        processes: commands of those that still run 15 s after the last command.
        files: temporary ones that are left after it.
        unmet: what went otherwise than it must.
        said: the lines with which runs ended.
    """

    fault: Fault
    recovered: bool
    lost: int = 0
    doubled: int = 0
    recovery_s: float = 0.0
    processes: Sequence[str] = ()
    files: Sequence[str] = ()
    unmet: str | None = None
    said: Sequence[str] = ()

    @property
    def is_good(self) -> bool:
        whole = self.recovered and not (self.lost or self.doubled)
        return whole and not (self.processes or self.files or self.unmet)


@dataclass(frozen=True)
class Bench:
    """The archive, and what an undisturbed run makes of it."""

    archive: Path
    whole: Path
    expected: Tables

    def trial(self, place: Path, chance: random.Random, options: Sequence[str] = ()) -> Trial:
        """One whose dataset is empty."""
        return Trial(self.archive, place, chance, self.whole, options)


@contextlib.contextmanager
def bench() -> Iterator[tuple[Bench, Path]]:
    """What all trials share, and a folder for them with a short name."""
    # Ray's sockets lie below it, and the path of a socket has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="f", dir="/tmp") as base:
        place = Path(base)
        archive = place / "in"
        archive.mkdir()
        make_archive(archive)
        trial = Trial(archive, place / "u", random.Random(0), place)
        trial.ended(trial.start(), 0)
        found = tables(trial.dataset)
        if len(found["videos"]) != 5 or len(found["failures"]) != 1:
            raise Unmet(f"the undisturbed run is not as expected: {found['failures']}")
        yield Bench(archive, trial.dataset, found), place


def attempt(fault: Fault, shared: Bench, place: Path, seed: int) -> Outcome:
    """One trial, in an empty folder."""
    trial = shared.trial(place, random.Random(seed), fault.options)
    unmet = None
    try:
        fault.act(trial)
        before = _differences(trial, shared.expected)
        whole_s = time.monotonic()
        again = (fault.again, str(trial.dataset)) if fault.again else ()
        trial.ended(trial.start(*again), 0)
        if before != (0, 0):
            whole_s = time.monotonic()
    except Unmet as error:
        unmet, whole_s = str(error), time.monotonic()
    lost, doubled = _differences(trial, shared.expected)
    limit_s = time.monotonic() + _GONE_S
    while (left := trial.processes()) and time.monotonic() < limit_s:
        time.sleep(0.2)
    names = [command(pid) for pid in left]
    kill(left)
    return Outcome(
        fault,
        recovered=not unmet and (lost, doubled) == (0, 0),
        lost=lost,
        doubled=doubled,
        recovery_s=whole_s - (trial.struck_s or whole_s),
        processes=names,
        files=trial.left_files(),
        unmet=unmet,
        said=trial.said,
    )


def _differences(trial: Trial, expected: Tables) -> tuple[int, int]:
    """Rows that are missing, and rows too many."""
    lost = doubled = 0
    try:
        found = tables(trial.dataset)
    except QueryError:  # there are none, or they cannot be read
        found = {}
    for name, rows in expected.items():
        there = collections.Counter(map(repr, found.get(name, ())))
        wanted = collections.Counter(map(repr, rows))
        lost += (wanted - there).total()
        doubled += (there - wanted).total()
    return lost, doubled


def table(outcomes: Sequence[Outcome]) -> str:
    """A line per fault."""
    heads = ("injected", "recovered", "lost", "doubled", "seconds", "processes", "files")
    lines = [f"{'fault':30}{'how':6}" + "".join(f"{head:>10}" for head in heads)]
    groups = collections.defaultdict(list)
    for outcome in outcomes:
        groups[outcome.fault].append(outcome)
    for fault, some in groups.items():
        seconds = sorted(o.recovery_s for o in some)
        values = (
            len(some),
            sum(o.recovered for o in some),
            sum(o.lost for o in some),
            sum(o.doubled for o in some),
            f"{seconds[0]:.0f}-{seconds[-1]:.0f}",
            sum(len(o.processes) for o in some),
            sum(len(o.files) for o in some),
        )
        lines.append(f"{fault.name:30}{fault.how:6}" + "".join(f"{value:>10}" for value in values))
    return "\n".join(lines)


def main() -> int:
    """Print the table; status 1 where rows were lost or doubled, or something was left behind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5, help="trials of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and places")
    parser.add_argument(
        "--only", metavar="KIND", action="append", help="kinds whose name holds this; repeatable"
    )
    options = parser.parse_args()
    wanted = options.only or [""]
    chosen = [fault for fault in FAULTS if any(text in fault.name for text in wanted)]
    outcomes = []
    with bench() as (shared, base):
        for number in range(options.times):
            for fault in chosen:
                seed = options.seed * 10_000 + number * 100 + FAULTS.index(fault)
                place = base / str(seed)
                outcome = attempt(fault, shared, place, seed)
                outcomes.append(outcome)
                shutil.rmtree(place)
                what = f"good, {outcome.recovery_s:.0f} s" if outcome.is_good else outcome
                print(f"{fault.name}, seed {seed}: {what}")
                for line in outcome.said:
                    print(f"    {line}")
                sys.stdout.flush()
    print(f"\n{table(outcomes)}")
    bad = sum(not outcome.is_good for outcome in outcomes)
    print(f"seed {options.seed}: {len(outcomes)} faults, {bad} of them not as they must be")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
