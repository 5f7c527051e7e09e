"""What a dataset says of its last run.

A dataset may come from anybody. It is data: it decides neither which code runs nor on which
machines.
"""

import json
from dataclasses import dataclass, replace
from typing import Any, Final, cast, get_args

from repscore.models.estimator import ESTIMATORS, Device
from repscore.models.scorer.words import ENGLISH, languages
from repscore.pipelines.options import ScoreOptions
from repscore.pipelines.query import QueryError, query
from repscore.pipelines.score import UnusableConfiguration
from repscore.transforms.discover.sources import is_there
from repscore.transforms.files import OutsideDataset, inside
from repscore.transforms.pose.pool_plan import PoolConfig
from repscore.transforms.records import PoseConfig
from repscore.transforms.repetitions.subject import Rule, Subjects

_POSES: Final = ("model", "people", "precision", "sample_fps", "segment_s", "warm_up_s", "fps")


@dataclass(frozen=True)
class LastRun:
    """The part of a run's configuration that decides rows.

    Attributes:
        poses: for the CPU; the machine's settings come from the command line.
        scorer_name: of its scorer file, in the dataset; None where it scored by consistency.
        references: how many clips defined exercises.
        language: of its remarks.
        pose_version: of the poses of videos; None in a dataset of an older version.
    """

    root: str
    poses: PoseConfig
    person: Rule
    scorer_name: str | None
    references: int
    pose_version: str | None
    language: str

    @property
    def subjects(self) -> Subjects:
        """Whose repetitions were kept."""
        return Subjects(self.poses.people, self.person)

    def scorer(self) -> str | None:
        """The path of its scorer file; raises UnusableConfiguration where none is in the dataset.

        An older version kept paths of clips and scorers elsewhere; those are not opened.
        """
        name = self.scorer_name
        if name is None and not self.references:
            return None
        try:
            return inside(self.root, *(name or "").split("/"))
        except OutsideDataset as error:
            raise UnusableConfiguration(
                f"{self.root}: expected the scorer of its last run in the dataset, found "
                f"{name or 'clips elsewhere'}: give it with --scorer or --reference"
            ) from error

    def require_estimator(self, given: str | None) -> None:
        """Raise UnusableConfiguration for code that the command line does not name too."""
        named = self.poses.estimator
        if given not in (None, named):
            raise UnusableConfiguration(
                f"--estimator {given}: the poses of {self.root} are of {named}; leave the option "
                "out, or run `score`"
            )
        if named not in ESTIMATORS and given is None:
            raise UnusableConfiguration(
                f"{self.root}: its poses are of the estimator {named}, expected one of "
                f"{', '.join(ESTIMATORS)}: code runs only if the command line names it; if you "
                f"trust it, give --estimator {named}"
            )


def last_run(root: str) -> LastRun:
    """The configuration of a dataset's last run; nothing that it names is opened or imported.

    Raises UnusableConfiguration where there was no run, or its configuration is not ours.
    """
    rows = _all(root, "SELECT configuration FROM runs ORDER BY started_at DESC LIMIT 1")
    if not rows:
        raise UnusableConfiguration(f"{root} holds no runs: expected a dataset made by `score`")
    try:
        return _parsed(root, json.loads(rows[0][0]))
    except OutsideDataset as error:
        raise UnusableConfiguration(str(error)) from error
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise UnusableConfiguration(
            f"{root}: expected the configuration of a run as `score` writes it, found another "
            f"({error!r}): run `score` again"
        ) from error


def replayed(
    root: str,
    *,
    estimator: str | None,
    device: Device,
    pool: PoolConfig,
    group_size: int,
    max_failure_rate: float,
) -> ScoreOptions:
    """What `replay` runs: the failed inputs again, as the last run scored them.

    Inputs that are gone are left out: their failures stay. Raises UnusableConfiguration.
    """
    last = last_run(root)
    last.require_estimator(estimator)
    failed = _all(root, "SELECT DISTINCT uri FROM failures ORDER BY uri")
    inputs = tuple(uri for (uri,) in failed if is_there(uri))
    return ScoreOptions(
        inputs=inputs,
        output=root,
        scorer=last.scorer(),
        poses=replace(last.poses, device=device),
        person=last.person,
        language=last.language,
        pool=pool,
        group_size=group_size,
        max_failure_rate=max_failure_rate,
        again=frozenset(inputs),
    )


def _parsed(root: str, stored: Any) -> LastRun:
    person, scorer, version = stored["person"], stored["scorer"], stored.get("pose_version")
    if person not in get_args(Rule):
        raise ValueError(f"person {person!r}")
    if (language := str(stored.get("language", ENGLISH))) not in languages():
        raise ValueError(f"language {language!r}")
    if version is not None:
        inside(root, version)
    size = stored["poses"].get("picture_px")
    return LastRun(
        root=root,
        poses=PoseConfig(
            estimator=str(stored["poses"]["estimator"]),
            compiled=bool(stored["poses"].get("compiled", False)),
            picture_px=None if size is None else (int(size[0]), int(size[1])),
            **{name: stored["poses"][name] for name in _POSES},
        ),
        person=cast(Rule, person),
        scorer_name=None if scorer is None else str(scorer),
        references=len(stored["references"]),
        pose_version=version,
        language=language,
    )


def _all(root: str, sql: str) -> list[tuple[Any, ...]]:
    try:
        relation = query(root, sql)
        return relation.fetchall() if relation is not None else []
    except QueryError as error:
        raise UnusableConfiguration(str(error)) from error
