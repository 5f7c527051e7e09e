"""Lost packets of a transport stream, found by its counters."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from repscore.transforms.plan.probe import truncation
from repscore.transforms.video.continuity import Continuity, packet_bytes

PID, OTHER = 0x101, 0x1FFF


def packet(counter: int, pid: int = PID, *, payload: bool = True) -> bytes:
    control = (0x10 if payload else 0x20) | counter % 16
    return bytes([0x47, pid >> 8, pid & 0xFF, control]) + bytes(184)


def fed(data: bytes, sizes: list[int]) -> list[int]:
    continuity, offset = Continuity(188, PID), 0
    for size in [*sizes, len(data)]:
        continuity.feed(offset, data[offset : offset + size])
        offset += len(data[offset : offset + size])
    return continuity.breaks


@given(
    gone=st.sets(st.integers(1, 98), max_size=5),
    sizes=st.lists(st.integers(1, 1000), max_size=40),
)
def test_packets_that_are_gone_are_found(gone: set[int], sizes: list[int]) -> None:
    kept = [n for n in range(100) if n not in gone]
    data = b"".join(packet(n) + packet(0, OTHER) for n in kept)
    after = [k for k, n in enumerate(kept) if n - 1 in gone]
    assert fed(data, sizes) == [2 * 188 * k for k in after]


def test_what_is_no_loss() -> None:
    twice = [packet(n) for n in (14, 15, 15, 0, 1)]
    empty = [packet(1, payload=False), packet(2)]
    assert fed(b"".join(twice + empty), []) == []


def test_illegible_packets_are_found() -> None:
    data = bytearray(b"".join(packet(n) for n in range(10)))
    data[3 * 188] = 0
    assert fed(bytes(data), [100]) == [3 * 188, 4 * 188]


def test_bytes_out_of_order_are_passed_over() -> None:
    data = b"".join(packet(n) for n in range(10))
    continuity = Continuity(188, PID)
    continuity.feed(0, data[:500])
    continuity.feed(1200, data[1200:])  # FFmpeg looks at the end for the duration
    continuity.feed(400, data[400:])
    assert continuity.breaks == []


def test_a_cut_stream_is_told_by_its_length(tmp_path: Path) -> None:
    path = tmp_path / "cut.ts"
    path.write_bytes(b"".join(packet(n) for n in range(10)) + packet(10)[:50])
    assert packet_bytes(path.read_bytes()) == 188
    assert truncation(str(path)) == "ends at byte 1930 within a packet of 188 bytes"
    path.write_bytes(path.read_bytes()[:1880])
    assert truncation(str(path)) is None
    wide = b"".join(bytes(4) + packet(n) for n in range(4))
    assert packet_bytes(wide) == 192
    assert packet_bytes(b"RIFF" + bytes(400)) is None
