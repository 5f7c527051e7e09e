"""`repscore doctor`: what is here, what is missing, and what to do about it."""

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement
from rich.table import Table
from rich.text import Text

from repscore.pipelines.progress import console
from repscore.pipelines.terminal import echo


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `remedy` is empty where it is good."""

    topic: str
    good: bool
    needed: bool
    found: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Look at the installation and the machine."""
    return [*_packages(), *_devices(), *_weights(), *_prism(), *_machine()]


def _packages() -> Iterator[Finding]:
    yield Finding("python", good=True, needed=True, found=platform.python_version())
    for line in requires("repscore") or []:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        name = requirement.name
        try:
            found = version(name)
        except PackageNotFoundError:
            yield Finding(name, False, True, "not installed", f"install {requirement}")
            continue
        good = requirement.specifier.contains(found)
        yield Finding(name, good, True, found, "" if good else f"tried with {requirement}")


def _devices() -> Iterator[Finding]:
    import openvino
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        yield Finding("cuda", good=True, needed=False, found=", ".join(names))
    else:
        remedy = "nothing to do on a CPU machine; else install the NVIDIA driver"
        yield Finding("cuda", False, False, "no CUDA device", remedy)
    core = openvino.Core()
    names = [
        f"{name}: {core.get_property(name, 'FULL_DEVICE_NAME')}" for name in core.available_devices
    ]
    yield Finding("openvino devices", good=bool(names), needed=False, found="; ".join(names))
    from repscore.models.blazepose.networks import identity_of
    from repscore.models.estimator import EstimatorConfig

    found = identity_of(EstimatorConfig())["precision"]
    yield Finding("pose arithmetic", good=True, needed=False, found=f"--precision auto is {found}")


def _weights() -> Iterator[Finding]:
    from repscore.models import weights

    for model in weights.LANDMARKS:
        good = weights.present(model)
        yield Finding(
            f"weights {model}",
            good,
            needed=model == "full",
            found=f"in {weights.cache_dir()}" if good else "not obtained",
            remedy="" if good else f"run `repscore weights --model {model}`",
        )


def _prism() -> Iterator[Finding]:
    from repscore.pipelines.runner.prism import cached_prism, find_prism, log_folder

    found = find_prism()
    remedy = f"for `watch`: `make prism` puts it at {cached_prism()}, else Beam downloads it"
    where = f"{found.path} (by {found.found_by})" if found else "not here"
    yield Finding("prism", found is not None, False, where, "" if found else remedy)
    yield Finding("prism's logs", good=True, needed=False, found=str(log_folder()))


def _machine() -> Iterator[Finding]:
    cpus = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    enough = memory >= cpus * 2**30
    remedy = "" if enough else f"use fewer workers: --actors {max(1, memory // 2**30)}"
    yield Finding("cpus", good=True, needed=False, found=str(cpus))
    yield Finding("memory", enough, False, f"{memory / 2**30:.1f} GiB", remedy)
    shm = shutil.disk_usage("/dev/shm").free if os.path.isdir("/dev/shm") else 0  # noqa: PTH112, S108
    roomy = shm >= 2**28
    remedy = "" if roomy else "give the container more shared memory (--shm-size 1g): Ray needs it"
    yield Finding("shared memory", roomy, False, f"{shm / 2**30:.1f} GiB free", remedy)


def show(findings: Sequence[Finding], *, as_json: bool) -> None:
    """Print the findings: JSON, or a table with the remedies."""
    if as_json:
        echo(json.dumps([asdict(finding) for finding in findings], indent=2))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in findings:
        bad = ("missing", "red") if finding.needed else ("-", "dim")
        mark = Text(*(("ok", "green") if finding.good else bad))
        table.add_row(mark, finding.topic, finding.found, finding.remedy)
    console(sys.stdout).print(table)
