"""What every benchmark prints first: the machine and the versions."""

import os
import platform
from importlib.metadata import version
from pathlib import Path


def describe() -> str:
    """One line: processor, CPUs, versions."""
    names = ("repscore", "apache-beam", "ray", "mediapipe", "openvino", "opencv-contrib-python")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")
    return f"{model or platform.machine()}, {os.cpu_count()} CPUs; {versions}"
