"""Counts of clips with one grey level of noise: `counts_noise.py CLIPS [--seeds 3]`.

CLIPS is a folder with a `ground_truth.csv`. Each estimator counts the clips as they are and with
other noise per seed, at most one grey level on every pixel, which nobody would see. What a count
owes to chance shows in the spread; estimators are compared by their means. `same` is the share of
counts that two versions of a clip have in common.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from machine import describe

from repscore.models.blazepose.estimator import BlazePoseEstimator
from repscore.models.estimator import EstimatorConfig, People, Unavailable
from repscore.models.mediapipe import MediaPipeEstimator
from repscore.pipelines.evaluate import clips
from repscore.pipelines.evaluate.metrics import figures

ENGINES: Mapping[str, tuple[Any, Any]] = {
    "f32": (BlazePoseEstimator, "f32"),
    "bf16": (BlazePoseEstimator, "bf16"),
    "mediapipe": (MediaPipeEstimator, "f32"),
}


def __getattr__(name: str) -> Any:
    """The estimator `ENGINE_SEED`; seed 0 has no noise."""
    engine, _, seed = name.rpartition("_")
    if engine not in ENGINES:
        raise AttributeError(name)
    base, precision = ENGINES[engine]

    class Noisy(base):
        def __init__(self, config: EstimatorConfig) -> None:
            super().__init__(replace(config, precision=precision))
            self.identity = self.identity_of(config)

        @staticmethod
        def identity_of(config: EstimatorConfig) -> Mapping[str, str]:
            own = base.identity_of(replace(config, precision=precision))
            return {**own, "noise": seed}

        def start(self) -> None:
            super().start()
            self._draw = np.random.default_rng(int(seed))

        def track(self, frame_bgr: npt.NDArray[np.uint8], time_s: float) -> People:
            if int(seed):
                change = self._draw.integers(-1, 2, frame_bgr.shape, dtype=np.int16)
                frame_bgr = np.clip(frame_bgr + change, 0, 255).astype(np.uint8)
            found: People = super().track(frame_bgr, time_s)
            return found

    return Noisy


def main() -> None:
    """Print a row per estimator, then one per clip that is not counted the same in all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)  # for the actors
    print(f"# {describe()}; 1 version as it is and {options.seeds} with noise")
    print(f"{'':10} {'OBO':22} {'exact':22} {'MAE':22} same")
    counts: dict[str, dict[str, list[int]]] = {}
    for engine in ENGINES:
        rows, versions = [], []
        for seed in range(options.seeds + 1):
            with tempfile.TemporaryDirectory() as dataset:
                name = f"counts_noise:{engine}_{seed}"
                try:
                    found = clips.score(options.clips, dataset, name, quiet=True).outcomes
                except Unavailable as error:
                    print(f"{engine:10} {error}")
                    break
            own = figures(found, interval=False)
            rows.append((own.obo, own.exact, own.mae))
            versions.append([len(one.found) for one in found])
            for one in found:
                by_engine = counts.setdefault(f"{one.name}, {one.count}", {})
                by_engine.setdefault(engine, []).append(len(one.found))
        if not rows:
            continue
        pairs = combinations(np.array(versions), 2)
        same = float(np.mean([(one == other).mean() for one, other in pairs]))
        cells = [
            f"{np.mean(column):.3f} ({min(column):.3f}-{max(column):.3f})"
            for column in zip(*rows, strict=True)
        ]
        print(f"{engine:10} {' '.join(f'{cell:22}' for cell in cells)} {same:.2f}", flush=True)
    for name, found in counts.items():
        if len({count for some in found.values() for count in some}) > 1:
            print(f"{name:50} {'  '.join(f'{k} {v}' for k, v in found.items())}")


if __name__ == "__main__":
    sys.exit(main())
