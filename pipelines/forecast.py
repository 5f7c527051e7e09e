"""`repscore score --dry-run`: what a run would do, and about how long it would take."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from statistics import median
from typing import Any, Final, Literal

from repscore.models.estimator import estimator_class
from repscore.models.scorer.files import CONSISTENCY_VERSION
from repscore.pipelines.norms import default_file
from repscore.pipelines.options import ScoreOptions, config_key
from repscore.pipelines.progress import console
from repscore.pipelines.score import UNUSABLE, UnusableConfiguration, sources_of
from repscore.pipelines.terminal import echo
from repscore.transforms.discover.folders import in_words
from repscore.transforms.discover.sources import Source
from repscore.transforms.discover.vanished import may_be_there, vanished
from repscore.transforms.inputs import ProbeError
from repscore.transforms.keypoints.names import is_keypoints
from repscore.transforms.plan.probe import probe
from repscore.transforms.pose.version import estimated_version, pose_version
from repscore.transforms.records import Known, Video
from repscore.transforms.tables.delta import check_root, read_known, read_rows

Work = Literal["new", "changed", "poses again", "scored again", "tried again", "unchanged"]
"""`poses again`: other options or another version of the poses; `scored again`: from the store."""

_PROBED: Final = 20
"""Files of each suffix whose length is looked at, where the dataset knows none of it."""
_RUNS: Final = 5
"""Latest runs whose speed counts."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Forecast:
    """What a run would do.

    Attributes:
        inputs: how many, by what would be done. A change shows in size and time, or etag.
        size_bytes: of the inputs that are not unchanged.
        video_s: length of what poses are needed of; None where that is not known.
        about_s: duration of the run; None where no earlier run, or no length, says.
        runs: earlier runs that it comes from.
        scorer_known: False where clips define the scorer and no run had them: all is scored again.
    """

    output: str
    inputs: Mapping[Work, int]
    passed_over: str | None
    vanished: int
    dropped: int
    size_bytes: int
    video_s: float | None
    about_s: float | None
    runs: int
    scorer_known: bool

    def show(self, *, as_json: bool) -> None:
        """One JSON object, or some lines."""
        if as_json:
            echo(json.dumps({"dry_run": True, **asdict(self)}))
            return
        out = console()
        words = ", ".join(f"{number} {work}" for work, number in self.inputs.items() if number)
        out.print(f"{self.output}: {words}; nothing was started or written")
        if self.vanished:
            out.print(
                f"{self.vanished} known inputs are not in their places; rows of {self.dropped} "
                "would be dropped"
            )
        if self.passed_over:
            out.print(f"in the folders: {self.passed_over}")
        if not self.scorer_known:
            out.print("no run had these clips for --reference: their poses are needed first")
        length = "unknown" if self.video_s is None else f"{self.video_s / 60:.1f} min"
        about = "unknown" if self.about_s is None else f"{self.about_s / 60:.1f} min"
        source = f" (from {self.runs} earlier runs)" if self.about_s is not None else ""
        out.print(f"poses of {length} of video are needed; about {about} in all{source}")


def forecast(options: ScoreOptions) -> Forecast:
    """What `run` would do with the same options; neither Ray nor Beam starts.

    Raises UnusableConfiguration.
    """
    passed_over: Counter[str] = Counter()
    try:
        root = options.output
        check_root(root)
        sources = list(sources_of(options, passed_over))
        estimator_class(options.poses.estimator).require(options.poses)
        estimated = estimated_version(options.poses)
        config = _config(options, estimated)
        known = read_known(root)
    except UNUSABLE as error:
        raise UnusableConfiguration(str(error)) from error
    rows = {row["uri"]: row for row in read_rows(root, "videos", _COLUMNS)}
    work = {
        source.uri: work_of(
            source, known.get(source.uri), rows.get(source.uri), config,
            _pose_version(options, source, estimated),
        )
        for source in sources
    }  # fmt: skip
    todo = [source for source in sources if work[source.uri] != "unchanged"]
    poses = [source for source in todo if work[source.uri] in ("new", "changed", "poses again")]
    lengths = lengths_of(poses, list(rows.values()), _probed)
    video_s = None if None in lengths else sum(length or 0.0 for length in lengths)
    runs = read_rows(root, "runs", _SPEED, "finished_at IS NOT NULL AND videos > 0")
    runs = sorted(runs, key=lambda run: run["started_at"])[-_RUNS:]
    every = read_known(root, failed=True)
    lost = vanished(every, options.inputs, work.keys(), may_be_there)
    dropped = [uri for uri in lost.gone if options.drop_vanished and not may_be_there(uri)]
    counts = Counter(work.values())
    return Forecast(
        output=root,
        inputs={name: counts[name] for name in Work.__args__},  # type: ignore[attr-defined]
        passed_over=in_words(passed_over),
        vanished=len(lost.gone) + len(lost.kept),
        dropped=len(dropped),
        size_bytes=sum(source.size_bytes for source in todo),
        video_s=video_s,
        about_s=duration_s(runs, len(todo), video_s),
        runs=len(runs),
        scorer_known=config is not None,
    )


_COLUMNS: Final = ("uri", "size_bytes", "duration_s", "pose_version")
_SPEED: Final = (
    *("started_at", "videos", "frames", "frames_per_s", "decoded_s"),
    *("wall_s", "start_up_s"),
)


def work_of(
    source: Source, known: Known | None, row: Row | None, config: str | None, pose_version: str
) -> Work:
    """What would be done with an input.

    Args:
        known: what `read_known` says of it; without, `row` failed for now.
        row: its row of `videos`.
        config: of the run; None is another one than that of any row.
    """
    if row is None:
        return "new"
    if known is None:
        return "tried again"
    if known.stamp != source.stamp:
        return "changed"
    if known.config == config:
        return "unchanged"
    return "scored again" if row["pose_version"] == pose_version else "poses again"


def lengths_of(sources: Sequence[Source], rows: Iterable[Row], probed: Any) -> list[float | None]:
    """About how long inputs last, in seconds: those of a suffix by their size, as the known ones.

    Args:
        probed: the length of a file, None where it is not known; asked of some of each suffix
            that no row has.
    """
    known = defaultdict[str, list[tuple[float, int]]](list)
    exact = {}
    for row in rows:
        if row["duration_s"] is not None and row["size_bytes"]:
            known[_suffix(row["uri"])].append((row["duration_s"], row["size_bytes"]))
            exact[row["uri"], row["size_bytes"]] = row["duration_s"]
    for suffix in {_suffix(source.uri) for source in sources} - known.keys():
        some = [source for source in sources if _suffix(source.uri) == suffix]
        for source in some[:: max(1, len(some) // _PROBED)][:_PROBED]:
            if source.size_bytes and (length := probed(source.uri)) is not None:
                known[suffix].append((length, source.size_bytes))
    found: list[float | None] = []
    for source in sources:
        alike = known[_suffix(source.uri)]
        ratio = sum(s for s, _ in alike) / sum(b for _, b in alike) if alike else None
        length = exact.get((source.uri, source.size_bytes))
        found.append(length if length is not None else ratio and ratio * source.size_bytes)
    return found


def duration_s(runs: Sequence[Row], inputs: int, video_s: float | None) -> float | None:
    """About how long a run takes, by the rows of earlier ones; None where these cannot say.

    Poses take a time per second of video, the rest a time per input, beside the start.
    """
    if not inputs:
        return 0.0
    if not runs or video_s is None:
        return None
    spans = [(run["frames"] or 0) / (run["frames_per_s"] or 1.0) for run in runs]
    decoded_s = sum(run["decoded_s"] or 0.0 for run in runs)
    if video_s and not decoded_s:
        return None
    starts = [run["start_up_s"] or 0.0 for run in runs]
    rest = [
        max(0.0, run["wall_s"] - start - span)
        for run, start, span in zip(runs, starts, spans, strict=True)
    ]
    per_input = sum(rest) / sum(run["videos"] for run in runs)
    poses = video_s * sum(spans) / decoded_s if video_s else 0.0
    return float(median(starts) + poses + inputs * per_input)


def _config(options: ScoreOptions, estimated: str) -> str | None:
    """The configuration of the run; None where only clips that must be estimated first say it."""
    if options.references:
        given = json.loads(options.to_json(None, estimated))
        same = ("poses", "person", "pose_version", "references")
        runs = read_rows(options.output, "runs", ("started_at", "config", "configuration"))
        for run in sorted(runs, key=lambda run: run["started_at"], reverse=True):
            stored = json.loads(run["configuration"] or "{}")
            if all(stored.get(name) == given[name] for name in same):
                config: str = run["config"]
                return config
        return None
    return config_key(options, estimated, _scorer_version(options))


def _scorer_version(options: ScoreOptions) -> str:
    if options.scorer is None:
        return CONSISTENCY_VERSION
    found = default_file(options)
    if found is not None:
        return found[1]
    from repscore.models.scorer.model import version_of  # torch waits until needed
    from repscore.pipelines.learn import scorer_of

    scorer = scorer_of(options, quiet=True)
    assert scorer is not None, "a scorer was given"  # noqa: S101
    return version_of(scorer)


def _pose_version(options: ScoreOptions, source: Source, estimated: str) -> str:
    video = Video(source.uri, "", "", source.size_bytes, source.stamp, (), source.uri)
    return pose_version(options.poses, video, estimated)


def _probed(uri: str) -> float | None:
    if is_keypoints(uri):
        return None
    with suppress(ProbeError, OSError):
        return probe(uri)[0].duration_s
    return None


def _suffix(uri: str) -> str:
    return PurePosixPath(uri.lower()).suffix
