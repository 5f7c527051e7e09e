"""Time, memory and size of `repscore report` over a large archive: a dataset multiplied.

    python -m benchmarks.report_page DATASET [--times 43] [--keep report.html]

`repscore score` made DATASET. Its poses are linked under new names and scored again. The baseline
is the page of a quarter of the copies.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import describe
from benchmarks.rescore_speed import multiply
from repscore.pipelines.rescore import rescore


def measure(root: Path, page: Path) -> tuple[float, float, float]:
    """Seconds, peak of memory in GB and size in MB of the page, made in a process of its own."""
    command = [sys.executable, "-m", "repscore.pipelines", "report", str(root), "-o", str(page)]
    started_s = time.monotonic()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"`report` ended with {os.waitstatus_to_exitcode(status)}, expected 0")
    return (
        time.monotonic() - started_s,
        memory_gb(usage),
        page.stat().st_size / 1e6,
    )


def memory_gb(usage: resource.struct_rusage) -> float:
    """The peak of a process that has ended."""
    return usage.ru_maxrss * 1024 / 1e9


def main() -> None:
    """Multiply, score, make both pages, print what they took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--times", type=int, default=43)
    parser.add_argument("--keep", type=Path, help="where the large page stays")
    given = parser.parse_args()
    print(describe())
    with tempfile.TemporaryDirectory(dir=given.dataset.parent) as folder:
        for name, times in (("few", max(1, given.times // 4)), ("many", given.times)):
            root, page = Path(folder, name), Path(folder, f"{name}.html")
            multiply(given.dataset, root, times)
            report = rescore(str(root), "none", (), quiet=True)
            spent_s, peak_gb, size_mb = measure(root, page)
            print(
                f"{report.row['videos']} videos, {report.row['repetitions']} repetitions: "
                f"{spent_s:.1f} s, {peak_gb:.2f} GB at most, {size_mb:.1f} MB",
                flush=True,
            )
        if given.keep:
            page.replace(given.keep)


if __name__ == "__main__":
    main()
