"""Our segmenter beside two plain baselines: `python -m research.counting FOLDER...`.

A FOLDER holds `poses.npz` and `annotations.csv`, as RepCount-pose and Countix do. A video of
RepCount-pose is counted by the network of the cross-validation that was trained without it, every
other one by the shipped network.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from repscore.models.phases import network
from repscore.models.phases.metrics import CountingResult, Spans
from repscore.models.phases.network import PhaseNetwork
from repscore.pipelines.evaluate.counting import show_results, write_results
from repscore.pipelines.evaluate.repcount import LabelledPoses, read_repcount
from repscore.transforms.records import PoseFrames
from repscore.transforms.repetitions import motion
from research import baselines
from research.phases.folds import fold_networks
from research.plot import plot_worst

OURS: Final = "repscore"


def compare(
    videos: Sequence[LabelledPoses], networks: Mapping[str, PhaseNetwork]
) -> Mapping[str, Sequence[CountingResult]]:
    """Method -> a result per video; a video without a network of its own has the shipped one."""

    def ours(video: LabelledPoses) -> Spans:
        return segmented(video.poses, networks.get(video.name, network.shipped()))

    methods: Mapping[str, Callable[[LabelledPoses], Spans]] = {
        OURS: ours,
        "autocorrelation and peaks": lambda video: baselines.autocorrelation_peaks(video.poses),
        "principal component and peaks": lambda video: baselines.component_peaks(video.poses),
    }
    return {
        name: [
            CountingResult(
                video.name, video.exercise, video.count, method(video), video.truth or None
            )
            for video in videos
        ]
        for name, method in methods.items()
    }


def segmented(poses: PoseFrames, phases: PhaseNetwork) -> Spans:
    """Spans of the repetitions of one person, as the pipeline cuts them."""
    state, completed = motion.step(motion.start(0), poses, phases)
    repetitions = (*completed, *motion.finish(state, phases))
    return tuple((repetition.start_s, repetition.end_s) for repetition in repetitions)


def main() -> None:
    """Print the figures of each folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--network", type=Path, help="weights to count all videos with")
    parser.add_argument("--table", type=Path, help="CSV with a row per video")
    parser.add_argument("--plots", type=Path, help="folder for plots of the worst videos")
    arguments = parser.parse_args()
    videos = [video for folder in arguments.folders for video in read_repcount(folder)]
    networks = fold_networks()
    if arguments.network:
        networks = dict.fromkeys((video.name for video in videos), network.read(arguments.network))
    results = compare(videos, networks)
    show_results(results)
    if arguments.table:
        write_results(arguments.table, results[OURS])
    if arguments.plots:
        poses = {video.name: video.poses for video in videos}
        plot_worst(results[OURS], poses, arguments.plots)


if __name__ == "__main__":
    main()
