"""What benchmarks share: the line on machine and versions, and the check of their files."""

import argparse
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


def existing_file(text: str) -> Path:
    """An argument that names a file; a worker that cannot read it would be waited for."""
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{text}: expected a file, as of {text}/*.mp4")
    return path
