"""Segments on their way through a pool: which may share an actor, and who is blamed for its end."""

import sys
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from repscore.transforms.pose.streams import most_open
from repscore.transforms.records import Segment, SegmentPoses

ATTEMPTS: Final = 2


@dataclass(eq=False)
class Job:
    """A segment on its way.

    Attributes:
        attempts: how often it ended an actor that held it alone.
        company: how many segments at most may be in its actor, itself included.
        started: whether an actor has held it.
        deadline_s: monotonic time until which its actor may take.
    """

    segment: Segment
    future: "Future[SegmentPoses]" = field(default_factory=Future)
    attempts: int = 0
    company: int = sys.maxsize
    started: bool = False
    deadline_s: float = 0.0


def has_room(held: Sequence[Job], places: int, job: Job) -> bool:
    """Whether an actor with so many places in a batch, which holds some jobs, may take one more."""
    return len(held) < min([most_open(places), job.company, *(other.company for other in held)])


def blame(held: Sequence[Job], late: Collection[Job] = ()) -> Job | None:
    """The job that is to be quarantined after its actor has ended; notes what is known of others.

    One that was alone has had an attempt. Of several, nobody is known to be at fault: they go on in
    companies of half the size.

    Args:
        held: the jobs of the actor.
        late: those past their time limit, where it was killed for that: they go on alone, and
            nobody else is under suspicion.
    """
    if len(held) == 1:
        held[0].attempts += 1
        return held[0] if held[0].attempts >= ATTEMPTS else None
    for job in late or held:
        job.company = 1 if late else min(job.company, len(held) // 2)
    return None
