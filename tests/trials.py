"""Runs of the program into which a fault comes: what `faults.py` starts, strikes and looks at."""

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import keypoints
import numpy as np
import videos
from emulators import Store

LIMIT_S: Final = 300.0
_TICK_S: Final = 0.02
_HERE: Final = Path(__file__).parent
_PROGRAM: Final = """
import faulthandler, signal, sys
faulthandler.register(signal.SIGUSR2)  # says where it hangs
from repscore.pipelines.signals import end_on_signals
from repscore.transforms.processes import own_temporary_directory
end_on_signals(sys.argv[1])  # as the program does, before there are threads
own_temporary_directory()
import injected
from repscore.pipelines.cli import main
main()
"""
_ESTIMATOR: Final = ("--estimator", "injected:ArmRaiser")
_OPTIONS: Final = ("--segment-seconds", "5", "--group-size", "2", "--segment-timeout", "20")

_OF_OURS: Final = re.compile(
    r"\b(?:Attribute|Type|Name|Key|Index|Assertion|UnboundLocal|NotImplemented)Error\b"
)

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


@dataclass(frozen=True)
class Bucket:
    """An empty bucket of an emulator."""

    store: Store
    url: str

    def holds(self, prefix: str) -> bool:
        """Whether there are objects."""
        name = self.url.partition("://")[2]
        return b"<Key>" in self.store.request("GET", f"/{name}?list-type=2&prefix={prefix}")


@dataclass
class Trial:
    """A dataset, and the runs of the same command over it.

    Attributes:
        place: a folder with a short name: sockets lie below it.
        struck_s: monotonic time when the fault came, None before.
        whole: an undisturbed dataset.
        bucket: where the dataset lies in S3; None where it lies in `place`.
    """

    archive: Path
    place: Path
    chance: random.Random
    whole: Path
    options: Sequence[str] = ()
    bucket: Bucket | None = None
    struck_s: float | None = None
    runs: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def dataset(self) -> Path:
        return self.place / "d"

    @property
    def root(self) -> str:
        """The dataset, as commands name it."""
        return str(self.dataset) if self.bucket is None else f"{self.bucket.url}/d"

    @property
    def flags(self) -> Path:
        return self.place / "f"

    def start(self, *command: str) -> Run:
        """Start `score`, or another command."""
        for folder in (self.flags, self.place / "t"):
            folder.mkdir(parents=True, exist_ok=True)
        score = ("score", f"faulty://{self.archive}", "-o", self.root, *_OPTIONS)
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
            _, errors = run.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGUSR2)
            time.sleep(2)
            kill(self.processes())
            _, stacks = run.communicate()
            raise Unmet(f"the run did not end within {LIMIT_S:g} s: {stacks[-9000:]}") from None
        lines = errors.splitlines()
        if run.returncode not in statuses:
            raise Unmet(f"status {run.returncode}, expected {statuses}: {errors[-1500:]}")
        if len(lines) != bool(run.returncode) and run.returncode != -signal.SIGKILL:
            raise Unmet(f"status {run.returncode} with {len(lines)} lines: {errors[-1500:]}")
        if found := _OF_OURS.search(errors):
            raise Unmet(f"an error of the program itself, {found[0]}: {errors[-1500:]}")
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
                program, *words = (entry / "cmdline").read_bytes().decode().split("\0")
                module = words[2:3] if words[:2] == ["-P", "-m"] else []
                if not names or any(name in part for name in names for part in (program, *module)):
                    found.append(int(entry.name))
        return found

    def pose_files(self) -> list[Path]:
        return sorted(self.dataset.glob("poses/**/[!.]*.parquet"))

    def has_poses(self) -> bool:
        return bool(self.pose_files() if self.bucket is None else self.bucket.holds("d/poses/"))

    def until(self, happens: Callable[[], Any], run: Run) -> None:
        """Wait for it, for as long as the run goes on."""
        limit_s = time.monotonic() + LIMIT_S
        while not happens() and run.poll() is None:
            if time.monotonic() > limit_s:
                raise Unmet("the moment to strike never came")
            time.sleep(_TICK_S)

    def strike(self, run: Run, number: int, *names: str) -> None:
        """Send a signal to one of the named processes, or to the driver, in the middle of a run."""
        self.until(self.has_poses, run)
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
