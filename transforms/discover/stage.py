"""Wiring of stage 1: names of inputs in, videos out."""
# Beam's own annotations of PTransform and `|` are wrong:
# pyright: reportIncompatibleMethodOverride=false, reportReturnType=false

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.pvalue import PBegin
from apache_beam.transforms.window import TimestampedValue

from repscore.transforms.discover.changes import Changes, in_groups
from repscore.transforms.discover.sources import list_inputs
from repscore.transforms.records import Video


@dataclass
class DiscoverVideos(beam.PTransform[None, Video]):
    """The videos behind files, folders, globs and URLs, each content once with all its names.

    Knows no dataset, so everything is new. Raises InputNotFound for an input that names nothing.
    """

    inputs: Sequence[str]

    def expand(self, begin: PBegin) -> beam.PCollection[Video]:
        """List, fingerprint, and spread the videos."""
        return (
            begin
            | "Inputs" >> beam.Create([tuple(self.inputs)])
            | "List" >> beam.FlatMap(_discover).with_output_types(Video)
            | "Spread" >> beam.Reshuffle()
        )


def _discover(inputs: Sequence[str]) -> Iterator[Video]:
    for videos, _ in in_groups(list_inputs(inputs), Changes({}, config=""), most=sys.maxsize):
        yield from videos


def at_arrival(video: Video) -> TimestampedValue:
    """A video at its event time: when it arrived at its source, now where that does not say."""
    arrived_at = video.arrived_at
    return TimestampedValue(video, arrived_at.timestamp() if arrived_at else time.time())
