"""What the pose stage has done: for the progress display, and for the row of a run."""

from collections import Counter
from dataclasses import dataclass, replace

from repscore.transforms.pose.streams import StreamsStatus
from repscore.transforms.records import SegmentPoses


@dataclass(frozen=True, slots=True)
class PoseFigures:
    """What was done so far.

    Attributes:
        actors: pose workers at work; those of one machine where several have pools.
        waiting: segments that were submitted and that no actor holds yet.
        segments: finished ones, `failed` of them without poses, `reused` ones from the store.
        frames: estimated so far, those of unfinished segments included.
        size_bytes: share of the videos' bytes that the finished segments make up.
        decoded_s: length of the video that was estimated.
        busy_s: time that actors spent on finished segments.
        first_s, last_s: when the first began and the latest ended, on one clock; None before.
        workers: what each actor has done since it started; none where the pool is elsewhere.
    """

    actors: int = 0
    waiting: int = 0
    segments: int = 0
    failed: int = 0
    reused: int = 0
    frames: int = 0
    size_bytes: float = 0.0
    decoded_s: float = 0.0
    busy_s: float = 0.0
    first_s: float | None = None
    last_s: float | None = None
    workers: tuple[StreamsStatus, ...] = ()

    @property
    def span_s(self) -> float:
        """From the begin of the first segment to the end of the latest."""
        return 0.0 if self.first_s is None or self.last_s is None else self.last_s - self.first_s

    @property
    def finished_frames(self) -> int:
        """Without those of open segments: a worker's count twice for a moment after their end."""
        return self.frames - sum(worker.frames for worker in self.workers)

    def with_finished(self, result: SegmentPoses, now_s: float) -> "PoseFigures":
        """These and a segment that has just ended."""
        worked, video = result.busy_s > 0, result.segment.video
        first_s = now_s if self.first_s is None else self.first_s
        return replace(
            self,
            segments=self.segments + 1,
            failed=self.failed + (result.path is None),
            reused=self.reused + (result.path is not None and not worked),
            frames=self.frames + (result.frames if worked else 0),
            size_bytes=self.size_bytes + video.size_bytes / result.segment.count,
            decoded_s=self.decoded_s + (result.decoded_s if worked else 0.0),
            busy_s=self.busy_s + result.busy_s,
            first_s=min(first_s, now_s - result.busy_s) if worked else self.first_s,
            last_s=now_s if worked else self.last_s,
        )


def figures_of(counts: Counter[str]) -> PoseFigures:
    """The figures that the counters of the stage add up to, times on the wall clock."""
    return PoseFigures(
        actors=counts["pose actors last"],
        segments=counts["pose out"],
        failed=counts["pose failed"],
        reused=counts["pose reused"],
        frames=counts["pose frames"],
        size_bytes=counts["pose size_bytes"],
        decoded_s=counts["pose decoded_microseconds"] / 1e6,
        busy_s=counts["pose microseconds"] / 1e6,
        first_s=counts["pose worked first"] / 1e6 if "pose worked first" in counts else None,
        last_s=counts["pose worked last"] / 1e6 if "pose worked last" in counts else None,
    )


def joined(before: Counter[str], after: Counter[str]) -> Counter[str]:
    """The counters of two pipelines: sums, of `... first` the smaller, of `... last` the larger."""
    counts = before + after
    for name in before.keys() & after.keys():
        if name.endswith((" first", " last")):
            pick = min if name.endswith(" first") else max
            counts[name] = pick(before[name], after[name])
    return counts
