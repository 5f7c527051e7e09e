"""What has to be processed: the one place that compares a listing with what the dataset holds."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from repscore.transforms.discover.sources import Source, fingerprint
from repscore.transforms.errors import (
    DatasetUnusable,
    is_of_machine,
    kind_of_error,
    message_of,
    retried,
    words_of,
)
from repscore.transforms.records import Failure, Known, Name, Video, video_id_of


class Changes:
    """Decides, source by source, what a run has to process.

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

    def is_current(self, source: Source) -> bool:
        """Whether the rows of an input are current, or were decided on already."""
        row = self._known.get(source.uri)
        return row is not None and (row.stamp, row.config) == (source.stamp, self._config)

    def decide(self, source: Source) -> list[Video]:
        """The videos to process because of an input; none where its rows are current."""
        if self.is_current(source):
            return []
        content, failure = self._content_of(source)
        row = self._known.get(source.uri)
        videos = []
        if row is not None and row.fingerprint != content:
            names = self._names[row.fingerprint]
            was_first = next(iter(names)) == source.uri
            del names[source.uri]
            if was_first and names:
                videos.append(self._video(row.fingerprint, row.size_bytes, next(iter(names))))
        self._names[content][source.uri] = Name(source.uri, source.stamp, source.arrived_at)
        video = self._video(content, source.size_bytes, source.uri)
        return [*videos, replace(video, failure=failure)]

    def contents_of(self, source: Source) -> set[str]:
        """The fingerprints that the decision on an input is about: its content, and the last."""
        row = self._known.get(source.uri)
        content, _ = self._content_of(source)
        return {content} if row is None else {content, row.fingerprint}

    def without(self, gone: Collection[str]) -> list[Video]:
        """The videos to process because names are gone: their contents have others that stay."""
        videos = []
        for content in sorted({self._known[uri].fingerprint for uri in gone if uri in self._known}):
            names = self._names[content]
            was_first = next(iter(names)) in gone
            size_bytes = self._known[next(iter(names))].size_bytes
            for uri in names.keys() & set(gone):
                del names[uri]
            if was_first and names:
                videos.append(self._video(content, size_bytes, next(iter(names))))
        return videos

    def _content_of(self, source: Source) -> tuple[str, Failure | None]:
        """The fingerprint of an input; of one that cannot be read a name, and the failure."""
        unread = f"unread:{source.uri}"
        row = self._known.get(source.uri)
        if row is not None and row.stamp == source.stamp and row.fingerprint != unread:
            return row.fingerprint, None
        try:
            return retried(lambda: self._fingerprint_of(source)), None
        except Exception as error:  # one input never ends a run
            if is_of_machine(error):
                raise DatasetUnusable(f"{source.uri}: {words_of(error)}") from error
            name, kind = type(error).__name__, kind_of_error(error)
            message = f"cannot be read: {message_of(error)}"
            ids = (source.uri, video_id_of(unread))
            return unread, Failure(*ids, "discover", name, message, kind=kind)

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


def in_groups(
    sources: Iterable[Source], changes: Changes, most: int
) -> Iterator[tuple[tuple[Video, ...], int]]:
    """Groups of at most `most` videos to process, each with the number of unchanged inputs met.

    A content that comes twice within a group is taken once, with its longest list of names.
    """
    group: dict[str, Video] = {}
    unchanged = 0
    for source in sources:
        videos = changes.decide(source)
        unchanged += not videos
        for video in videos:
            group[video.video_id] = video
            if len(group) == most:
                yield tuple(group.values()), unchanged
                group, unchanged = {}, 0
    if group or unchanged:
        yield tuple(group.values()), unchanged
