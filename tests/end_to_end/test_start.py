"""What a run starts and loads: no more than its inputs need."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

_RUN = """
import sys
from repscore.pipelines.__main__ import main
try:
    main()
finally:
    heavy = ("apache_beam", "ray", "torch", "openvino")
    started = "ray" in sys.modules and sys.modules["ray"].is_initialized()
    print([name for name in heavy if name in sys.modules], started, file=sys.stderr)
"""


def score(folder: Path, root: Path) -> tuple[dict[str, object], str]:
    """The row of the run, and what its process had loaded and started at its end."""
    command = [sys.executable, "-c", _RUN, "score", str(folder), "-o", str(root), "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout), done.stderr.strip().splitlines()[-1]


def test_keypoints_need_no_ray_and_an_unchanged_run_nothing(tmp_path: Path) -> None:
    folder, root = tmp_path / "in", tmp_path / "dataset"
    folder.mkdir()
    for number in range(2):
        walk = np.random.default_rng(number).normal(size=(30, 15, 2)).cumsum(axis=0) + 300
        np.savez(folder / f"{number}.keypoints.npz", image_px=walk)
    row, loaded = score(folder, root)
    assert (row["videos"], row["failures"]) == (2, 0)
    assert loaded.endswith("False"), "Ray was started"
    row, loaded = score(folder, root)
    assert (row["videos"], row["skipped"]) == (0, 2)
    assert "torch" not in loaded
    assert "apache_beam" not in loaded
    assert loaded.endswith("False"), "Ray was started"
