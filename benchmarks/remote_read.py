"""A video in a bucket: its segments read by ranges, with other buffers, against fetching it once.

    python -m benchmarks.remote_read [--megabytes 20 2000] [--latency-ms 30] [--rate-mb-s 100]

The store is artificial: a local file behind fsspec's own buffered file, in which every request
waits and every byte takes time. It has no cost of CPU of a real client, and requests of several
readers do not disturb each other. The video is a stretch of H.264 that is repeated; packets are
read as by the decoder, and not decoded. Of a long video six segments are read. A row is a segment
on average; the baseline of the ratios is a buffer of 256 KiB without read-ahead.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from unittest import mock

import av
import fsspec
import numpy as np
from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractBufferedFile

from benchmarks.machine import describe
from repscore.transforms import files
from repscore.transforms.video.container import Container

_FPS: Final = 30
_SEGMENT_S: Final = 60.0
_BITS_PER_S: Final = 2_200_000
_READ: Final = 6
_MIB: Final = 1 << 20


def _blocks(kind: str, size_bytes: int) -> dict[str, Any]:
    return {"cache_type": kind, "block_size": size_bytes, "cache_options": {"maxblocks": 4}}


_READS: Final[dict[str, dict[str, Any]]] = {
    "256 KiB, none (baseline)": {"cache_type": "none"},
    "5 MiB, readahead": {"cache_type": "readahead", "block_size": 5 * _MIB},
    "50 MiB, readahead (s3fs by itself)": {"cache_type": "readahead", "block_size": 50 * _MIB},
    "1 MiB, readahead": {"cache_type": "readahead", "block_size": _MIB},
    "4 MiB, readahead (ours)": {"cache_type": "readahead", "block_size": 4 * _MIB},
    "1 MiB, blocks": _blocks("blockcache", _MIB),
    "4 MiB, blocks": _blocks("blockcache", 4 * _MIB),
    "4 MiB, blocks in the background": _blocks("background", 4 * _MIB),
}


@dataclass
class Network:
    """What requests cost, and how many there were."""

    latency_s: float = 0.0
    rate_bytes_s: float = 1e9
    requests: int = 0
    fetched_bytes: int = 0

    def request(self, size_bytes: int) -> None:
        """Wait as long as a request takes."""
        self.requests += 1
        self.fetched_bytes += size_bytes
        time.sleep(self.latency_s + size_bytes / self.rate_bytes_s)


NETWORK: Final = Network()


class _Object(AbstractBufferedFile):  # type: ignore[misc]
    def _fetch_range(self, start: int, end: int) -> bytes:
        with Path(self.path).open("rb") as file:
            file.seek(start)
            data = file.read(end - start)
        NETWORK.request(len(data))
        return data


class Store(LocalFileSystem):  # type: ignore[misc]
    """Local files as objects that are far away: `far:///path`."""

    protocol = "far"

    def _open(
        self, path: str, mode: str = "rb", block_size: int | None = None, **options: Any
    ) -> Any:
        NETWORK.request(0)  # its size
        size = Path(path).stat().st_size
        block = {} if block_size is None else {"block_size": block_size}
        return _Object(self, path, mode, size=size, **block, **options)

    def unstrip_protocol(self, name: str) -> str:
        """With its protocol."""
        return f"far://{name}"


def video(path: Path, size_bytes: int) -> float:
    """Write an MP4 whose index lies at its end; returns its seconds."""
    chance = np.random.default_rng(0)
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=_FPS)
        stream.width, stream.height, stream.bit_rate = 320, 240, _BITS_PER_S
        stream.options = {"preset": "ultrafast", "g": "60", "bf": "0", "x264-params": "scenecut=0"}
        packets = []
        for _ in range(2 * _FPS):
            noise = chance.integers(0, 255, (240, 320, 3), np.uint8)
            packets += stream.encode(av.VideoFrame.from_ndarray(noise, format="bgr24"))
        packets += stream.encode()
        kept = [(bytes(packet), packet.is_keyframe, packet.time_base) for packet in packets]
        once = sum(len(data) for data, _, _ in kept)
        count = max(1, round(size_bytes / once)) * len(kept)
        for number in range(count):
            data, key, base = kept[number % len(kept)]
            packet = av.Packet(data)
            packet.stream, packet.time_base, packet.is_keyframe = stream, base, key
            packet.pts = packet.dts = round(number / _FPS / base)
            out.mux(packet)
    return count / _FPS


def read_segment(uri: str, start_s: float) -> int:
    """Read the packets of a segment as the decoder does; how many there were."""
    count = 0
    with Container(uri) as container:
        if start_s:
            container.seek(start_s)
        for coded in container.coded_pictures():
            if coded.raw_s is not None and coded.raw_s >= start_s + _SEGMENT_S:
                break
            count += 1
    return count


@contextmanager
def _reading(options: dict[str, Any]) -> Iterator[None]:
    with mock.patch.dict(files.READING, options, clear=True):
        yield


def measure(path: Path, length_s: float, options: dict[str, Any] | None) -> Counter[str]:
    """Seconds, requests and bytes of a segment on average; `None` fetches the file once."""
    starts = np.arange(0.0, length_s, _SEGMENT_S)
    chosen = starts if len(starts) <= _READ else starts[:: len(starts) // _READ][:_READ]
    NETWORK.requests = NETWORK.fetched_bytes = 0
    begun_s = time.perf_counter()
    if options is None:
        NETWORK.request(path.stat().st_size)
        fetched_s = (time.perf_counter() - begun_s) / len(starts)
        begun_s = time.perf_counter()
        for start_s in chosen.tolist():
            read_segment(str(path), start_s)
        wall_s = fetched_s + (time.perf_counter() - begun_s) / len(chosen)
        share = 1 / len(starts)
    else:
        with _reading(options):
            for start_s in chosen.tolist():
                read_segment(f"far://{path}", start_s)
        share = 1 / len(chosen)
        wall_s = (time.perf_counter() - begun_s) * share
    return Counter(
        {"s": wall_s, "requests": NETWORK.requests * share, "bytes": NETWORK.fetched_bytes * share}
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, nargs="+", default=[20.0, 2000.0])
    parser.add_argument("--latency-ms", type=float, default=30.0)
    parser.add_argument("--rate-mb-s", type=float, default=100.0)
    given = parser.parse_args(arguments)
    fsspec.register_implementation("far", Store, clobber=True)
    print(describe())
    print(f"{given.latency_ms:g} ms per request, {given.rate_mb_s:g} MB/s")
    for megabytes in given.megabytes:
        with TemporaryDirectory() as folder:
            path = Path(folder, "video.mp4")
            length_s = video(path, round(megabytes * 1e6))
            NETWORK.latency_s, NETWORK.rate_bytes_s = given.latency_ms / 1e3, given.rate_mb_s * 1e6
            print(f"\n{path.stat().st_size / 1e6:.0f} MB, {length_s:.0f} s; per segment:")
            print("| read | requests | MB | s | ratio |\n|---|---|---|---|---|")
            baseline_s = None
            for name, options in [*_READS.items(), ("fetched once", None)]:
                found = measure(path, length_s, options)
                baseline_s = baseline_s or found["s"]
                print(
                    f"| {name} | {found['requests']:.1f} | {found['bytes'] / 1e6:.1f} "
                    f"| {found['s']:.2f} | {found['s'] / baseline_s:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
