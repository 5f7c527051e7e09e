"""Our segmenter beside two plain baselines: `python -m research.counting FOLDER...`.

A FOLDER holds keypoints and labels, as `python -m research.convert {repcount,countix}` writes them.
A video of RepCount-pose is counted by the network of the cross-validation that was trained without
it, every other one by the shipped network. The two parts of each folder have figures of their own
(`phases/split.py`): what was chosen, was chosen on the first; the other one is looked at once.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from repscore.models.phases import network
from repscore.models.phases.metrics import CountingResult, Spans
from repscore.models.phases.network import PhaseNetwork
from repscore.pipelines.evaluate.counting import result_of, show_results, write_results
from repscore.pipelines.labels import LabelledInput
from repscore.transforms.records import PoseFrames
from repscore.transforms.repetitions import motion
from research import baselines
from research.layout import name_of, read_image_poses
from research.phases.folds import fold_networks
from research.phases.split import kept_apart
from research.plot import plot_worst

OURS: Final = "repscore"


def compare(
    videos: Sequence[tuple[LabelledInput, PoseFrames]], networks: Mapping[str, PhaseNetwork]
) -> dict[str, list[CountingResult]]:
    """Method -> a result per video; `networks` by name of the video, the shipped one for others."""
    methods: Mapping[str, Callable[[PoseFrames], Spans]] = {
        "autocorrelation and peaks": baselines.autocorrelation_peaks,
        "principal component and peaks": baselines.component_peaks,
    }
    ours = [
        result_of(labelled, segmented(poses, networks.get(name_of(labelled), network.shipped())))
        for labelled, poses in videos
    ]
    plain = {
        name: [result_of(labelled, method(poses)) for labelled, poses in videos]
        for name, method in methods.items()
    }
    return {OURS: ours, **plain}


def segmented(poses: PoseFrames, phases: PhaseNetwork) -> Spans:
    """Spans of the repetitions of one person, as the pipeline cuts them."""
    state, completed = motion.step(motion.start(0), poses, phases)
    repetitions = (*completed, *motion.finish(state, phases))
    return tuple((repetition.start_s, repetition.end_s) for repetition in repetitions)


def main() -> None:
    """Print the figures over all folders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--once", action="store_true", help="also the part to look at once")
    parser.add_argument("--network", type=Path, help="weights to count all videos with")
    parser.add_argument("--table", type=Path, help="CSV with a row per video")
    parser.add_argument("--plots", type=Path, help="folder for plots of the worst videos")
    arguments = parser.parse_args()
    ours: list[CountingResult] = []
    poses_of: dict[str, PoseFrames] = {}
    for folder in arguments.folders:
        videos = read_image_poses(folder)
        networks = fold_networks()
        if arguments.network:
            names = [name_of(labelled) for labelled, _ in videos]
            networks = dict.fromkeys(names, network.read(arguments.network))
        apart = kept_apart([labelled for labelled, _ in videos])
        for once in (False, True) if arguments.once else (False,):
            part = [video for video in videos if (name_of(video[0]) in apart) == once]
            if not part:
                continue
            print(f"{folder}: {'looked at once' if once else 'to choose on'}")
            results = compare(part, networks)
            show_results(results)
            ours += results[OURS]
            poses_of |= {labelled.uri: poses for labelled, poses in part}
    if arguments.table:
        write_results(arguments.table, ours)
    if arguments.plots:
        plot_worst(ours, poses_of, arguments.plots)


if __name__ == "__main__":
    main()
