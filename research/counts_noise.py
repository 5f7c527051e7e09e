"""Counts of clips with one grey level of noise: `python -m research.counts_noise FOLDER`.

FOLDER holds clips and `labels.csv`. Each estimator counts the clips as they are and with
noise of each seed, at most one grey level on every pixel, which nobody would see. The spread shows
how much of a count is chance; estimators are compared by their means. `same` is the share of counts
that two versions of a clip have in common.
"""

import argparse
import os
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.machine import describe
from repscore.models.blazepose.estimator import BlazePoseEstimator
from repscore.models.estimator import EstimatorConfig, People, Unavailable
from repscore.models.mediapipe import MediaPipeEstimator
from repscore.models.phases.metrics import counting_figures
from repscore.pipelines.evaluate.counting import results_of
from repscore.pipelines.labelled import scored
from repscore.transforms.records import PoseConfig

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

    class Noisy(base):  # type: ignore[misc, valid-type]
        def __init__(self, config: EstimatorConfig) -> None:
            super().__init__(replace(config, precision=precision))
            self.identity = self.identity_of(config)

        @staticmethod
        def identity_of(config: EstimatorConfig) -> Mapping[str, str]:
            return {**base.identity_of(replace(config, precision=precision)), "noise": seed}

        def start(self) -> None:
            super().start()
            self._rng = np.random.default_rng(int(seed))

        def track(self, frame_bgr: npt.NDArray[np.uint8], time_s: float) -> People:
            if int(seed):
                noise = self._rng.integers(-1, 2, frame_bgr.shape, dtype=np.int16)
                frame_bgr = np.clip(frame_bgr + noise, 0, 255).astype(np.uint8)
            people: People = super().track(frame_bgr, time_s)
            return people

    return Noisy


def main() -> None:
    """Print a row per estimator, then one per clip that is not counted the same in all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])  # for the actors
    print(f"# {describe()}; 1 version as it is and {arguments.seeds} with noise")
    print(f"{'':10} {'OBO':22} {'exact':22} {'MAE':22} same")
    counts = defaultdict[str, dict[str, list[int]]](dict)
    for engine in ENGINES:
        rows, versions = [], []
        for seed in range(arguments.seeds + 1):
            estimator = f"research.counts_noise:{engine}_{seed}"
            try:
                with tempfile.TemporaryDirectory() as dataset:
                    poses = PoseConfig(estimator=estimator)
                    with scored(arguments.folder, None, dataset, poses, quiet=True) as (_, inputs):
                        results = results_of(dataset, inputs)
            except Unavailable as error:
                print(f"{engine:10} {error}")
                break
            figures = counting_figures(results, interval=False)
            rows.append((figures.obo, figures.exact, figures.mae))
            versions.append([len(result.predicted) for result in results])
            for result in results:
                by_engine = counts[f"{result.name}, {result.count}"]
                by_engine.setdefault(engine, []).append(len(result.predicted))
        if not rows:
            continue
        pairs = combinations(np.array(versions), 2)
        same = float(np.mean([(first == second).mean() for first, second in pairs]))
        cells = [
            f"{np.mean(column):.3f} ({min(column):.3f}-{max(column):.3f})"
            for column in zip(*rows, strict=True)
        ]
        print(f"{engine:10} {' '.join(f'{cell:22}' for cell in cells)} {same:.2f}", flush=True)
    for name, by_engine in counts.items():
        if len({count for versions in by_engine.values() for count in versions}) > 1:
            print(f"{name:50} {'  '.join(f'{k} {v}' for k, v in by_engine.items())}")


if __name__ == "__main__":
    main()
