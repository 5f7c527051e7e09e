"""Where a transport stream lost packets: FFmpeg passes over such places without a word."""

from typing import Final

import numpy as np
import numpy.typing as npt

PACKET_BYTES: Final = (188, 192)
"""Blu-ray and AVCHD write four bytes of time before each packet."""
_SYNC: Final = 0x47


def packet_bytes(head: bytes) -> int | None:
    """Length of the packets of a transport stream (ISO/IEC 13818-1, 2.4.3.2), None in others."""
    for length in PACKET_BYTES:
        if len(head) >= 2 * length and head[length - 188 :: length][:2] == b"GG":
            return length
    return None


class Continuity:
    """Checks the counters of one stream of packets while its file is read from the beginning.

    Attributes:
        breaks: offsets in the file before which packets are missing or illegible, increasing.
    """

    def __init__(self, packet: int, pid: int) -> None:
        self._packet, self._pid = packet, pid
        self._offset = 0
        self._rest = b""
        self._counter: int | None = None
        self.breaks: list[int] = []

    def feed(self, offset: int, data: bytes) -> None:
        """Bytes at `offset`; those that do not go on from the last ones are passed over."""
        expected = self._offset + len(self._rest)
        if not offset <= expected < offset + len(data):
            return
        data = self._rest + data[expected - offset :]
        count = len(data) // self._packet
        table = np.frombuffer(data, np.uint8, count * self._packet).reshape(count, self._packet)
        self._check(table[:, self._packet - 188 :])
        self._rest = data[count * self._packet :]
        self._offset += count * self._packet

    def _check(self, packets: npt.NDArray[np.uint8]) -> None:
        lost_sync = packets[:, 0] != _SYNC
        pids = (packets[:, 1].astype(np.uint16) & 0x1F) << 8 | packets[:, 2]
        with_payload = (packets[:, 3] & 0x10) > 0
        rows = np.flatnonzero(~lost_sync & (pids == self._pid) & with_payload)
        counters = (packets[rows, 3] & 0x0F).astype(int)
        first = counters[:1] - 1 if self._counter is None else [self._counter]
        steps = np.diff(counters, prepend=first) % 16
        gone = rows[steps > 1]  # a packet may be sent twice
        rows_broken = np.union1d(gone, np.flatnonzero(lost_sync))
        self.breaks += (self._offset + self._packet * rows_broken).tolist()
        if len(counters):
            self._counter = int(counters[-1])
