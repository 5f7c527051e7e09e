"""Where the structure of a file is broken: FFmpeg passes over such places without a word.

A walk is fed with the bytes that FFmpeg reads anyway and follows the lengths or counters in them.
"""

from abc import ABC, abstractmethod
from typing import Final

import numpy as np
import numpy.typing as npt

_SYNC: Final = 0x47
_PACKET_BYTES: Final = (188, 192)
"""Blu-ray and AVCHD write four bytes of time before each packet."""
_CLUSTER: Final = b"\x1f\x43\xb6\x75"
_MASTERS: Final = frozenset((0x18538067, 0x1F43B675))
"""Segment and Cluster, whose contents are walked; all other elements are passed over."""
_ELEMENTS: Final = _MASTERS | {
    *(0x1A45DFA3, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1254C367, 0x1043A770),
    *(0x1941A469, 0xEC, 0xBF, 0xE7, 0xA3, 0xA0, 0xAB, 0xA7, 0x5854, 0xAF),
}
"""What may lie in a file, a segment or a cluster (RFC 9559, 5.1)."""
_ID_BYTES: Final = 4
_SIZE_BYTES: Final = 8
_FLV_HEADER: Final = 9 + 4
_FLV_TAGS: Final = frozenset((8, 9, 18))  # sound, video, script


class Walk(ABC):
    """Follows the structure of a file while it is read from the beginning.

    Attributes:
        breaks: offsets in the file at which what was expected is not there, increasing.
    """

    def __init__(self) -> None:
        self.breaks: list[int] = []
        self._at = self._seen = self._end = 0
        self._rest = b""

    def feed(self, offset: int, data: bytes) -> None:
        """Bytes at `offset`; those read before, and leaps of the reader, are passed over."""
        if offset > self._seen and self._at >= offset:
            self._seen = offset  # the reader leaps over what is passed over here, too
        if not offset <= self._seen < offset + len(data):
            return
        new = data[max(self._seen, self._at) - offset :]
        self._seen = offset + len(data)
        data, position = self._rest + new, 0
        while position < len(data):
            step = self._step(data, position)
            if step == 0:
                break
            position += step
            self._at += step
        self._rest = data[position:]

    def cut_off(self, size: int) -> str | None:
        """How a file of `size` bytes ends before it should, None where it does not."""
        if self._seen < size:
            return None
        end = max(self._at, self._end)
        if end > size:
            return f"ends at byte {size} of {end}"
        return f"ends at byte {size} within an element" if self._rest else None

    @abstractmethod
    def _step(self, data: bytes, position: int) -> int:
        """Bytes to the next element, 0 where more are needed to tell."""


class Packets(Walk):
    """The counters of one stream of a transport stream (ISO/IEC 13818-1, 2.4.3)."""

    def __init__(self, pid: int, packet: int = _PACKET_BYTES[0]) -> None:
        super().__init__()
        self._packet, self._pid = packet, pid
        self._counter: int | None = None

    def _step(self, data: bytes, position: int) -> int:
        size = self._packet
        count = (len(data) - position) // size
        table = np.frombuffer(data, np.uint8, count * size, position).reshape(count, size)
        if count:
            self._check(table[:, size - 188 :])
        return count * size

    def _check(self, packets: npt.NDArray[np.uint8]) -> None:
        illegible = packets[:, 0] != _SYNC
        pids = (packets[:, 1].astype(np.uint16) & 0x1F) << 8 | packets[:, 2]
        with_payload = (packets[:, 3] & 0x10) > 0
        rows = np.flatnonzero(~illegible & (pids == self._pid) & with_payload)
        counters = (packets[rows, 3] & 0x0F).astype(int)
        first = counters[:1] - 1 if self._counter is None else [self._counter]
        gone = rows[np.diff(counters, prepend=first) % 16 > 1]  # a packet may be sent twice
        broken = np.union1d(gone, np.flatnonzero(illegible))
        self.breaks += (self._at + self._packet * broken).tolist()
        if len(counters):
            self._counter = int(counters[-1])


class Elements(Walk):
    """The elements of a Matroska or WebM file (RFC 8794, 4 to 6)."""

    def _step(self, data: bytes, position: int) -> int:
        head = data[position : position + _ID_BYTES + _SIZE_BYTES]
        id_bytes = _length(head[0])
        size_bytes = _length(head[id_bytes]) if id_bytes < len(head) else _SIZE_BYTES
        name = int.from_bytes(head[:id_bytes], "big")
        if id_bytes <= len(head) and name not in _ELEMENTS:
            return self._to_next_cluster(data, position)
        if id_bytes + size_bytes > len(head):
            return 0
        bits = 7 * size_bytes
        size = int.from_bytes(head[id_bytes : id_bytes + size_bytes], "big") & (1 << bits) - 1
        unknown = size == (1 << bits) - 1
        header = id_bytes + size_bytes
        if name in _MASTERS:
            if not unknown:
                self._end = max(self._end, self._at + header + size)
            return header
        return header if unknown else header + size

    def _to_next_cluster(self, data: bytes, position: int) -> int:
        if not self.breaks or self.breaks[-1] != self._at:
            self.breaks.append(self._at)
        found = data.find(_CLUSTER, position + 1)
        step = (found if found >= 0 else max(position + 1, len(data) - 3)) - position
        if found < 0:
            self.breaks[-1] = self._at + step  # the search goes on with the next bytes
        return step


def _length(first: int) -> int:
    """Bytes of a number of variable size, from its first byte."""
    return 9 - first.bit_length()


class Tags(Walk):
    """The tags of a Flash video, each followed by its own length."""

    def _step(self, data: bytes, position: int) -> int:
        if self._at == 0:
            return _FLV_HEADER
        length = self._tag(data, position)
        if length is None or length:
            return length or 0
        self.breaks.append(self._at)
        for other in range(position + 1, len(data)):
            if self._tag(data, other):
                return other - position
        return len(data) - position

    def _tag(self, data: bytes, position: int) -> int | None:
        """Length of the tag there, None where more bytes are needed to tell, 0 where none is."""
        if position + 11 > len(data):
            return None
        if data[position] not in _FLV_TAGS:
            return 0
        end = position + 11 + int.from_bytes(data[position + 1 : position + 4], "big")
        if end + 4 > len(data):
            return None
        return (
            end + 4 - position
            if int.from_bytes(data[end : end + 4], "big") == end - position
            else 0
        )


def is_followed(format_name: str) -> bool:
    """Whether `walk_of` may know the structure of a format of FFmpeg."""
    return format_name in ("mpegts", "flv") or "matroska" in format_name


def walk_of(format_name: str, head: bytes, stream_id: int) -> Walk | None:
    """What follows the structure of a file of this format of FFmpeg; None where nothing does.

    Args:
        head: its first bytes.
        stream_id: of the video, as the container numbers it.
    """
    if format_name == "mpegts":
        size = next((n for n in _PACKET_BYTES if head[n - 188 :: n][:2] == b"GG"), None)
        return Packets(stream_id, size) if size else None
    if "matroska" in format_name:
        return Elements()
    return Tags() if format_name == "flv" else None
