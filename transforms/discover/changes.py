"""What has to be processed: the listing held against what the dataset already knows."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from repscore.transforms.discover.sources import Source, fingerprint
from repscore.transforms.records import Failure, Known, Name, Video, video_id_of


@dataclass(frozen=True, slots=True)
class Unchanged:
    """An input whose rows are current."""

    uri: str


class Changes:
    """Decides, source by source, what a run has to do.

    A content is processed once, under the first name that it was found by; its other names travel
    along as duplicates. A further name of a known content sends that content through again with
    the longer list of names: its poses are in the store, so this is cheap. When the first name
    gets another content, the next name takes over the rows of the old one.
    """

    def __init__(
        self,
        known: Mapping[str, Known],
        config: str,
        fingerprint_of: Callable[[Source], str] = fingerprint,
    ) -> None:
        self._known = dict(known)
        self._config = config
        self._fingerprint_of = fingerprint_of
        self._names: dict[str, dict[str, Name]] = defaultdict(dict)
        for row in sorted(known.values(), key=lambda row: row.duplicate_of is not None):
            self._names[row.fingerprint][row.uri] = Name(row.uri, row.stamp, row.arrived_at)

    def __call__(self, sources: Iterable[Source]) -> Iterator[Video | Unchanged]:
        """Videos to process, and a word on each input that needs nothing."""
        for source in sources:
            yield from self._decide(source)

    def content_of(self, uri: str) -> str | None:
        """The fingerprint of what was last found under a name."""
        row = self._known.get(uri)
        return row.fingerprint if row is not None else None

    def _decide(self, source: Source) -> Iterator[Video | Unchanged]:
        before = self._known.get(source.uri)
        if before is not None and before.stamp == source.stamp:
            if before.config == self._config:
                yield Unchanged(source.uri)
                return
            content = before.fingerprint
        else:
            try:
                content = self._fingerprint_of(source)
            except OSError as error:
                yield _unreadable(source, error)
                return
        if before is not None and before.fingerprint != content:
            old = self._names[before.fingerprint]
            was_first = next(iter(old)) == source.uri
            del old[source.uri]
            if was_first and old:
                heir = next(iter(old))
                yield self._video(before.fingerprint, before.size_bytes, heir)
        name = Name(source.uri, source.stamp, source.arrived_at)
        self._names[content][source.uri] = name
        yield self._video(content, source.size_bytes, source.uri)

    def _video(self, content: str, size_bytes: int, location: str) -> Video:
        first, *duplicates = self._names[content].values()
        for name in (first, *duplicates):
            self._known[name.uri] = Known(
                uri=name.uri,
                stamp=name.stamp,
                fingerprint=content,
                size_bytes=size_bytes,
                config=self._config,
                duplicate_of=None if name is first else first.uri,
                arrived_at=name.arrived_at,
            )
        return Video(
            uri=first.uri,
            video_id=video_id_of(content),
            fingerprint=content,
            size_bytes=size_bytes,
            stamp=first.stamp,
            duplicates=tuple(duplicates),
            location=location,
            arrived_at=first.arrived_at,
        )


def _unreadable(source: Source, error: OSError) -> Video:
    place = f"unread:{source.uri}"
    reason = error.strerror or str(error)
    message = f"cannot be read ({reason}): check its permissions, then run `repscore replay`"
    video_id = video_id_of(place)
    failure = Failure(source.uri, video_id, "discover", type(error).__name__, message)
    return Video(
        uri=source.uri,
        video_id=video_id,
        fingerprint=place,
        size_bytes=source.size_bytes,
        stamp=source.stamp,
        duplicates=(),
        location=source.uri,
        failure=failure,
        arrived_at=source.arrived_at,
    )


def in_groups(
    decisions: Iterable[Video | Unchanged], most: int
) -> Iterator[tuple[tuple[Video, ...], int]]:
    """Groups of at most `most` videos to process, each with the number of unchanged inputs met.

    A content that comes twice within a group is taken once, with its longest list of names.
    """
    group: dict[str, Video] = {}
    unchanged = 0
    for decision in decisions:
        if isinstance(decision, Unchanged):
            unchanged += 1
            continue
        group[decision.video_id] = decision
        if len(group) == most:
            yield tuple(group.values()), unchanged
            group, unchanged = {}, 0
    if group or unchanged:
        yield tuple(group.values()), unchanged
