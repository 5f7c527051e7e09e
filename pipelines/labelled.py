"""Labels joined with a dataset: executions are cut from its stored poses at labelled boundaries."""

from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from repscore.models.scorer.examples import Example, NoExamples
from repscore.models.scorer.represent import Execution
from repscore.models.torso import torso_m, torso_px
from repscore.pipelines.labels import LabelledInput, LabelsUnusable, read_labels
from repscore.pipelines.last_run import last_run
from repscore.pipelines.options import ScoreOptions
from repscore.pipelines.rescore import stored_videos
from repscore.pipelines.score import run
from repscore.transforms.files import names_in
from repscore.transforms.pose.store import read_people
from repscore.transforms.records import PoseConfig, PoseFrames
from repscore.transforms.repetitions import normalise
from repscore.transforms.repetitions.clean import RATE_HZ, clean, samples_of, seen
from repscore.transforms.repetitions.measure import view
from repscore.transforms.repetitions.order import OpenRecording, finish, release
from repscore.transforms.repetitions.stored import StoredVideo, stored_segments
from repscore.transforms.repetitions.subject import Subjects

_LEAST_INSTANTS: Final = 5


@contextmanager
def scored(
    folder: str,
    labels: str | None = None,
    dataset: str | None = None,
    poses: PoseConfig | None = None,
    *,
    quiet: bool = False,
) -> Iterator[tuple[str, list[LabelledInput]]]:
    """A dataset with the poses of all labelled inputs, and their labels.

    A folder that is no dataset is scored first, into `dataset` or a temporary one.

    Raises LabelsUnusable, and UnusableConfiguration.
    """
    inputs = read_labels(folder, labels)
    if "tables" in _names_in(folder):
        yield folder, inputs
        return
    with TemporaryDirectory() as temporary:
        root = dataset or temporary
        names = tuple(each.uri for each in inputs)
        run(ScoreOptions(names, root, poses=poses or PoseConfig()), quiet=quiet)
        yield root, inputs


def _names_in(folder: str) -> list[str]:
    try:
        return names_in(folder)
    except OSError as error:
        raise LabelsUnusable(f"{folder}: expected a folder or URL, found none ({error})") from error


def require_inputs(
    root: str, inputs: Sequence[LabelledInput], dataset_uris: Container[str]
) -> None:
    """Raise LabelsUnusable where a labelled input is not in the dataset."""
    missing = [each.uri for each in inputs if each.uri not in dataset_uris]
    if missing:
        raise LabelsUnusable(
            f"{root}: expected all labelled inputs in the dataset, {len(missing)} are not there, "
            f"for example {missing[0]}: score them into it, or remove their labels"
        )


def examples_of(root: str, inputs: Sequence[LabelledInput]) -> list[Example]:
    """The labelled repetitions of a dataset in which somebody is seen.

    Raises NoExamples, LabelsUnusable for an input that is not in the dataset, and PosesMissing.
    """
    subjects = last_run(root).subjects
    stored = {
        uri: each
        for each in stored_videos(root)
        for uri in (each.video.uri, *(name.uri for name in each.video.duplicates))
    }
    require_inputs(root, inputs, stored)
    examples = []
    for each in inputs:
        poses = subject_poses(root, stored[each.uri], subjects) if each.repetitions else None
        if poses is None:
            continue
        spans_s = [(repetition.start_s, repetition.end_s) for repetition in each.repetitions]
        executions = executions_of(poses, spans_s)
        examples += [
            Example(label.subject, label.exercise, label.correct, execution, label.group)
            for label, execution in zip(each.repetitions, executions, strict=True)
            if execution is not None
        ]
    if not examples:
        raise NoExamples(
            f"{root}: expected labelled repetitions in which somebody is seen, found none among "
            f"{sum(len(each.repetitions) for each in inputs)}"
        )
    return examples


def subject_poses(root: str, stored: StoredVideo, subjects: Subjects) -> PoseFrames | None:
    """The poses of whom `score` keeps first over all segments; None where nobody is seen.

    Raises PosesMissing.
    """
    recording = OpenRecording()
    parts: list[tuple[int, PoseFrames]] = []
    for segment in stored_segments(root, stored):
        people = read_people(segment.path) if segment.path else None
        recording = release(recording, segment, people)
        parts += [
            (recording.identities[name], poses)
            for name, poses in (people.people if people else {}).items()
            if name in recording.identities
        ]
    _, kept = finish(recording, subjects)
    first = min(kept.values(), default=None)
    return _merged([poses for person, poses in parts if kept.get(person, -1) == first])


def _merged(parts: Sequence[PoseFrames]) -> PoseFrames | None:
    """One person's poses in order of time; at each time those with the most visibility."""
    if not parts:
        return None
    time_s = np.concatenate([part.time_s for part in parts])
    visible = np.concatenate([part.visibility for part in parts])
    order = np.lexsort((-visible.sum(axis=1), time_s))
    rows = order[np.unique(time_s[order], return_index=True)[1]]
    return PoseFrames(
        topology=parts[0].topology,
        time_s=time_s[rows],
        image_px=np.concatenate([part.image_px for part in parts])[rows],
        world_m=np.concatenate([part.world_m for part in parts])[rows],
        visibility=visible[rows],
    )


def executions_of(
    poses: PoseFrames, spans_s: Sequence[tuple[float, float]]
) -> list[Execution | None]:
    """Executions in known boundaries [start, end), cleaned as the pipeline does.

    One turns where the person is farthest from the start. None for a span of less than five
    instants of the grid, or in which nobody is seen.
    """
    samples = seen(samples_of(poses))
    size_px = torso_px(samples.image_px, samples.world_m)
    size_m = torso_m(samples.world_m)
    count = int(np.floor(poses.time_s[-1] * RATE_HZ)) + 1
    joints, visibility = clean(samples, 0, count, size_px)

    def execution(start_s: float, end_s: float) -> Execution | None:
        rows = slice(round(start_s * RATE_HZ), min(round(end_s * RATE_HZ), count))
        image, world = joints[rows, :, :3], joints[rows, :, 3:]
        if len(image) < _LEAST_INSTANTS or np.isnan(image[..., 0]).all():
            return None
        flat = normalise.flatten(image, size_px)
        body = normalise.face_forward(world, size_m)
        visible = np.flatnonzero(~np.isnan(flat[..., 0]).all(axis=1))
        away = np.nansum(np.linalg.norm(flat - flat[visible[0]], axis=-1), axis=1)
        time_s = np.arange(rows.start, rows.start + len(image)) / RATE_HZ
        return Execution(
            start_s=float(time_s[0]),
            turn_s=float(time_s[away.argmax()]),
            end_s=(rows.start + len(image)) / RATE_HZ,
            time_s=time_s,
            flat=flat,
            body=body,
            visibility=visibility[rows],
            view=view(flat, body, world),
        )

    return [execution(*span_s) for span_s in spans_s]
