"""The configuration of a run, parsed once: the stages never see the command line."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Final

from repscore.models.scorer.words import ENGLISH
from repscore.transforms.pose.pool_plan import PoolConfig
from repscore.transforms.pose.version import keypoints_version
from repscore.transforms.records import PoseConfig
from repscore.transforms.repetitions.motion import REVISION as REPETITIONS_VERSION
from repscore.transforms.repetitions.subject import Rule, Subjects

SCORERS: Final = "scorers"
"""Folder of a dataset: the scorers of its runs, also those that were made of references."""


@dataclass(frozen=True)
class RunnerConfig:
    """Where the light stages run; nothing in here changes a row.

    Attributes:
        name: in-process, prism, portable, or a runner of Beam's such as dataflow.
        prism: the path of the binary; None: it is looked for.
        job_endpoint: HOST:PORT of a portable runner's job service.
        environment: where a portable runner's workers run, `KIND` or `KIND:CONFIG` as Beam names
            them; LOOPBACK are threads of this process.
        beam_options: further options, which Beam gets as they are.
    """

    name: str = "in-process"
    prism: str | None = None
    job_endpoint: str | None = None
    environment: str = "LOOPBACK"
    beam_options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.name == "portable") != (self.job_endpoint is not None):
            raise ValueError("--job-endpoint HOST:PORT belongs to --runner portable")
        if self.prism is not None and self.name != "prism":
            raise ValueError("--prism PATH belongs to --runner prism")

    @property
    def has_timers(self) -> bool:
        """Whether it fires timers in real time; Beam's batch runners do not."""
        return self.name in ("prism", "portable")

    @property
    def remote(self) -> bool:
        """Whether Beam's workers are other processes than this one."""
        if self.name == "in-process":
            return "--direct_running_mode=multi_processing" in self.beam_options
        return self.name not in ("prism", "portable") or self.environment != "LOOPBACK"


@dataclass(frozen=True)
class MetricsConfig:
    """Where the metrics of a run are published.

    Attributes:
        file: for the textfile collector.
        port: of 127.0.0.1.
    """

    file: str | None = None
    port: int | None = None


class RunnerUnusable(ValueError):
    """A runner does not take the pipeline; the message is the runner's."""


class NoReference(ValueError):
    """A reference clip cannot define an exercise."""


class NoScorer(ValueError):
    """A scorer file cannot be used."""


@dataclass(frozen=True)
class ScoreOptions:
    """Options of `repscore score`.

    Attributes:
        inputs: files, folders, globs and URLs.
        output: folder or URL of the dataset.
        person: who is kept first where a video shows more people than `poses.people`.
        scorer: file of a trained scorer, or of references.
        references: (exercise, clip) pairs that define exercises, beside those of `scorer`; without
            either, repetitions are scored by their consistency.
        norms: folder of norms, beside the shipped ones or instead of those of the same name.
        exercise: what all inputs show; None: it is recognised.
        language: of remarks.
        group_size: videos that are processed and committed together.
        max_failure_rate: share of failed inputs above which the exit status is 3.
        runner: where the light stages run.
        again: URIs that are processed even where the dataset holds them.
        drop_vanished: whether rows of inputs go that are no longer in the places given.
        metrics: where the run says how it goes.
    """

    inputs: tuple[str, ...]
    output: str
    scorer: str | None = None
    references: tuple[tuple[str, str], ...] = ()
    poses: PoseConfig = field(default_factory=PoseConfig)
    person: Rule = "exercising"
    norms: str | None = None
    exercise: str | None = None
    language: str = ENGLISH
    pool: PoolConfig = field(default_factory=PoolConfig)
    group_size: int = 200
    max_failure_rate: float = 1.0
    runner: RunnerConfig = field(default_factory=RunnerConfig)
    again: frozenset[str] = frozenset()
    drop_vanished: bool = False
    metrics: MetricsConfig = field(default_factory=MetricsConfig)

    @property
    def subjects(self) -> Subjects:
        """Whose repetitions are kept."""
        return Subjects(self.poses.people, self.person)

    def to_json(self, scorer: str | None, pose_version: str) -> str:
        """What decides the rows of a run, as the `runs` table holds it; and what it was given.

        Args:
            scorer: name of the scorer's file in the dataset.
            pose_version: of the poses of videos.
        """
        poses = {name: value for name, value in asdict(self.poses).items() if name != "device"}
        decides = {"poses": poses, "person": self.person, "language": self.language}
        return json.dumps(
            {**decides, "pose_version": pose_version, "scorer": scorer}
            | {"references": self.references, "inputs": self.inputs}
        )


def config_key(options: ScoreOptions, pose_version: str, scorer_version: str) -> str:
    """What decides the rows of an input besides its content; equal key, equal rows.

    Args:
        pose_version: of the poses of videos.
    """
    poses = options.poses
    rates = [keypoints_version(poses), str(poses.fps)]
    parts = [pose_version, *rates, REPETITIONS_VERSION]
    parts += [scorer_version, asdict(options.subjects)]
    if options.language != ENGLISH:  # so that datasets of older versions stay current
        parts.append(options.language)
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()
