"""Break the pipeline while it runs, run it again, and compare: `python tests/faults.py`.

Each trial is a dataset of its own, in which one fault comes at a random moment. Then the same
command runs again, and the tables must be those of an undisturbed run, row by row. Faults are real
(signals, files that are damaged or removed), or errors that `injected.py` raises in the program.
"""

import argparse
import collections
import contextlib
import functools
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from emulators import Store, running_s3
from rows import Rows, tables
from trials import Bucket, Trial, Unmet, command, kill, make_archive

from repscore.pipelines.query import QueryError

_GONE_S: Final = 15.0
_PRISM: Final = ("--runner", "prism")

Tables = Mapping[str, Rows]
Act = Callable[[Trial], None]


@dataclass(frozen=True)
class Fault:
    """What happens to a run.

    Attributes:
        how: `real`, or what `injected.py` replaces.
        act: makes it happen, and lets the run end that it happens to.
        again: the command that recovers, where it is not the same one.
        on_s3: the dataset lies in a bucket of an emulator.
    """

    name: str
    how: str
    act: Act
    options: Sequence[str] = ()
    again: str | None = None
    on_s3: bool = False


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
_HEAD: Final = "repscore.transforms.local_ray"
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
    Fault("SIGKILL of Ray's head", "real", killed(9, _HEAD, ends=(0, 1))),
    Fault("SIGSTOP of Prism", "real", killed(19, "prism", ends=(0, 1)), _PRISM),
    Fault("SIGKILL of the driver, S3", "real", killed(9, ends=(_KILLED, 0)), on_s3=True),
    Fault("two runs at once", "real", two_at_once),
    Fault("two runs at once, S3", "real", two_at_once, on_s3=True),
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
    s3: Callable[[], Store]

    def trial(self, place: Path, chance: random.Random, fault: Fault | None = None) -> Trial:
        """One whose dataset is empty."""
        bucket = None
        if fault is not None and fault.on_s3:
            bucket = Bucket(self.s3(), self.s3().new_bucket())
        options = fault.options if fault is not None else ()
        return Trial(self.archive, place, chance, self.whole, options, bucket)


@contextlib.contextmanager
def bench() -> Iterator[tuple[Bench, Path]]:
    """What all trials share, and a folder for them with a short name."""
    # Ray's sockets lie below it, and the path of a socket has at most 107 bytes.
    with (
        tempfile.TemporaryDirectory(prefix="f", dir="/tmp") as base,
        contextlib.ExitStack() as stores,
    ):
        place = Path(base)

        @functools.cache
        def s3() -> Store:
            """Started for the first fault that needs it."""
            store = stores.enter_context(running_s3(place / "s3.log"))
            os.environ.update(store.environment)  # the comparison reads it, too
            return store

        archive = place / "in"
        archive.mkdir()
        make_archive(archive)
        trial = Trial(archive, place / "u", random.Random(0), place)
        trial.ended(trial.start(), 0)
        found = tables(trial.dataset)
        if len(found["videos"]) != 5 or len(found["failures"]) != 1:
            raise Unmet(f"the undisturbed run is not as expected: {found['failures']}")
        yield Bench(archive, trial.dataset, found, s3), place


def attempt(fault: Fault, shared: Bench, place: Path, seed: int) -> Outcome:
    """One trial, in an empty folder."""
    trial = shared.trial(place, random.Random(seed), fault)
    unmet = None
    try:
        fault.act(trial)
        before = _differences(trial, shared.expected)
        whole_s = time.monotonic()
        again = (fault.again, trial.root) if fault.again else ()
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
        found = tables(trial.root)
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
