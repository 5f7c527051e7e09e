"""Lost packets of a transport stream, found by its counters."""

from hypothesis import given
from hypothesis import strategies as st

from repscore.transforms.video.continuity import Elements, Packets, Tags, Walk, walk_of

PID, OTHER = 0x101, 0x1FFF


def packet(counter: int, pid: int = PID, *, payload: bool = True) -> bytes:
    control = (0x10 if payload else 0x20) | counter % 16
    return bytes([0x47, pid >> 8, pid & 0xFF, control]) + bytes(184)


def fed(data: bytes, sizes: list[int]) -> list[int]:
    continuity, offset = Packets(PID), 0
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
    continuity = Packets(PID)
    continuity.feed(0, data[:500])
    continuity.feed(1200, data[1200:])  # FFmpeg looks at the end for the duration
    continuity.feed(400, data[400:])
    assert continuity.breaks == []


def test_a_cut_stream_is_told_by_its_length() -> None:
    data = b"".join(packet(n) for n in range(10)) + packet(10)[:50]
    walk = Packets(PID)
    walk.feed(0, data)
    assert walk.cut_off(len(data)) == "ends at byte 1930 within an element"
    assert walk.cut_off(len(data) + 1) is None, "not all of it was read"
    whole = Packets(PID)
    whole.feed(0, data[:1880])
    assert whole.cut_off(1880) is None


def test_which_walk_a_file_needs() -> None:
    wide = b"".join(bytes(4) + packet(n) for n in range(4))
    assert isinstance(walk_of("mpegts", wide, PID), Packets)
    assert walk_of("mpegts", b"RIFF" + bytes(400), PID) is None
    assert walk_of("mov,mp4,m4a,3gp,3g2,mj2", bytes(400), 1) is None


def element(name: bytes, content: bytes) -> bytes:
    return name + (1 << 56 | len(content)).to_bytes(8, "big") + content


def matroska(clusters: int = 5) -> tuple[bytes, list[int]]:
    """A file and the offsets of its clusters."""
    blocks = [element(b"\xa3", bytes([n] * 300)) for n in range(10)]
    cluster = element(b"\x1f\x43\xb6\x75", element(b"\xe7", b"\x01") + b"".join(blocks))
    head = element(b"\x1a\x45\xdf\xa3", bytes(20))
    content = element(b"\x15\x49\xa9\x66", bytes(50)) + cluster * clusters
    first = len(head) + 12 + 62
    return head + element(b"\x18\x53\x80\x67", content), [
        first + n * len(cluster) for n in range(clusters)
    ]


def flash(tags: int = 20) -> tuple[bytes, int]:
    """A file, and the length of each of its tags, which are all alike."""
    tag = bytes([9]) + (200).to_bytes(3, "big") + bytes(7 + 200) + (211).to_bytes(4, "big")
    return b"FLV\x01\x01" + (9).to_bytes(4, "big") + bytes(4) + tag * tags, len(tag)


def walked(walk: Walk, data: bytes, sizes: list[int]) -> Walk:
    offset = 0
    for size in [*sizes, len(data)]:
        walk.feed(offset, data[offset : offset + size])
        offset += len(data[offset : offset + size])
    return walk


@given(sizes=st.lists(st.integers(1, 2000), max_size=30))
def test_a_whole_file_has_no_breaks(sizes: list[int]) -> None:
    for walk, data in ((Elements(), matroska()[0]), (Tags(), flash()[0])):
        assert walked(walk, data, sizes).breaks == []
        assert walk.cut_off(len(data)) is None


@given(at=st.integers(100, 14000), length=st.integers(1, 900), sizes=st.lists(st.integers(1, 999)))
def test_missing_bytes_break_the_walk(at: int, length: int, sizes: list[int]) -> None:
    content, clusters = matroska()
    assert clusters[-1] > 12000
    walk = walked(Elements(), content[:at] + content[at + length :], sizes)
    assert walk.breaks or walk.cut_off(len(content) - length)
    assert all(at - 350 <= place <= at + 4000 for place in walk.breaks)
    content, tag = flash()
    at %= len(content) - 1000
    walk = walked(Tags(), content[: at + 13] + content[at + 13 + length :], sizes)
    whole_tags = length % tag == 0  # wherever it begins, what is left is the same tags
    assert whole_tags or walk.breaks or walk.cut_off(len(content) - length)


def test_a_cut_file_is_told_by_the_length_of_its_segment() -> None:
    content, clusters = matroska()
    walk = walked(Elements(), content[: clusters[3]], [])
    assert walk.cut_off(clusters[3]) == f"ends at byte {clusters[3]} of {len(content)}"
