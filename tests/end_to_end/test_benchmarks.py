"""Each benchmark runs once, on a tiny input, and prints its figure."""

import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import fakes
import pytest

from benchmarks.machine import on_each_core
from repscore.pipelines.demo.athlete import Motion
from repscore.pipelines.demo.render import render_clip
from repscore.pipelines.demo.scene import Camera

ROOT = Path(__file__).parents[2]
RUNS = {  # a benchmark, and its part if it has several
    "latency": ("CLIP --times 1", "times the bare worker"),
    "peers": ("CLIP --rounds 1 --sides pool", "lines of user code"),
    "pose_memory": ("CLIP --minutes 0.2 --segment-s 3", "most in the first quarter"),
    "pose_speed": ("CLIP --models full --limit-s 1", "full  f32  ratio:"),
    "remote_read": ("--megabytes 1 --latency-ms 1", "fetched once"),
    "report_page": ("DATASET --times 2", "2 videos, "),
    "rescore_speed": ("DATASET --times 2", "from windows: 2 videos"),
    "scale files": ("--nights 1", "1.00 times one file a night"),
    "scale inputs": ("--count 2", "2 inputs: driver"),
    "scale memory": ("--minutes 0.05", "worker"),
    "scale night": ("--known 2 --new 1", "1 new among 2 known"),
    "scale poll": ("--names 20 --times 1", "a poll of 20 known names"),
    "scale start": ("--times 1", "nothing new"),
    "segmenter_speed": ("--repeats 1 --rounds 1", "state after"),
    "throughput": ("CLIP --rounds 1 --against worker --minutes 0.2", "to our bare worker"),
    "watch_busy": ("--actors 2 --clips 4", "4 segments, 2 actors: peak 2 in flight"),
    "watch_flat": ("--known 20 --new 3", "a poll of 23 known names"),
    "worker_fill": ("CLIP --streams 8 --device l4 --seconds 1", "cores that decode such clips"),
}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One squat of four seconds, small."""
    path = tmp_path_factory.mktemp("clip") / "squat.mp4"
    render_clip(path, Motion("squat", 1), camera=Camera(width_px=240, height_px=320), fps=15)
    return path


@pytest.fixture(scope="module")
def dataset(clip: Path) -> Path:
    root = clip.parent / "dataset"
    command = [sys.executable, "-m", "repscore.pipelines", "score", str(clip), "-o", str(root)]
    subprocess.run(command, check=True)
    return root


@pytest.mark.parametrize("name", RUNS)
def test_a_benchmark_prints_its_figure(name: str, request: pytest.FixtureRequest) -> None:
    line, figure = RUNS[name]
    module, *part = name.split()
    arguments = part + [
        str(request.getfixturevalue(word.lower())) if word.isupper() else word
        for word in line.split()
    ]
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    assert figure in done.stdout


def test_every_benchmark_is_run_here() -> None:
    names = {path.stem for path in ROOT.glob("benchmarks/*.py")}
    assert names - {"__init__", "machine"} == {name.split()[0] for name in RUNS}


@pytest.mark.parametrize(
    ("measure", "error"), [(fakes.die, BrokenProcessPool), (fakes.fail, ZeroDivisionError)]
)
def test_a_process_that_fails_ends_the_measurement(
    measure: object, error: type[Exception], clip: Path
) -> None:
    with pytest.raises(error):
        on_each_core(measure, [clip])
