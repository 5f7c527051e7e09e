"""Damage real containers at random and run the pipeline over them: `python tests/fuzz.py`.

Every input is a small video of its container with flipped bits, a cut, swapped, repeated, erased
or overwritten chunks. A run must end by itself, give each input a row, and call none `ok` that
gives fewer pictures than the undamaged file.
"""

import argparse
import collections
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from field_videos import write

from repscore.pipelines.options import ScoreOptions
from repscore.pipelines.score import run
from repscore.transforms.pose.pool_plan import PoolConfig
from repscore.transforms.records import PoseConfig
from repscore.transforms.tables.delta import read_rows

PICTURES: Final = 60
_SIZE: Final = (64, 96)

Damage = Callable[[bytearray, np.random.Generator], bytearray]


def pictures() -> list[Any]:
    """Noise that moves, so that every picture has some bytes of its own."""
    rng = np.random.default_rng(7)
    wall = rng.integers(0, 256, (*_SIZE, 3), np.uint8)
    return [np.roll(wall, 3 * n, axis=1) for n in range(PICTURES)]


def _webm(codec: str) -> dict[str, Any]:
    return {"codec": codec, "options": {"cpu-used": "8", "deadline": "realtime"}}


_HEVC: Final = {"preset": "ultrafast", "x265-params": "log-level=none"}
CONTAINERS: Final[dict[str, dict[str, Any]]] = {
    "plain.mp4": {},
    "reordered.mp4": {"options": {"preset": "veryfast", "bf": "3", "g": "20"}},
    "fragmented.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "faststart.mp4": {"container_options": {"movflags": "faststart"}},
    "hevc.mp4": {"codec": "libx265", "options": _HEVC},
    "quicktime.mov": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "matroska.mkv": {},
    "vp8.webm": _webm("libvpx"),
    "vp9.webm": _webm("libvpx-vp9"),
    "old.avi": {"codec": "mpeg4"},
    "stream.ts": {"format": "mpegts"},
    "mpeg2.ts": {"format": "mpegts", "codec": "mpeg2video", "options": {"g": "12"}},
    "flash.flv": {},
    "raw.h264": {"format": "h264"},
}
UNKNOWABLE: Final = "raw.h264"
"""A stream without a container, lengths or times: whole pictures can go without a trace."""


def flipped(content: bytearray, rng: np.random.Generator) -> bytearray:
    for place in rng.integers(0, len(content), rng.integers(1, 20)):
        content[place] ^= 1 << rng.integers(0, 8)
    return content


def cut(content: bytearray, rng: np.random.Generator) -> bytearray:
    return content[: rng.integers(0, len(content))]


def _chunk(content: bytearray, rng: np.random.Generator) -> tuple[int, int]:
    length = int(rng.integers(1, max(2, len(content) // 8)))
    start = int(rng.integers(0, len(content) - length))
    return start, start + length


def swapped(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Two pieces of the same length change their places."""
    start, end = _chunk(content, rng)
    other = int(rng.integers(0, len(content) - (end - start)))
    first, second = content[start:end], content[other : other + end - start]
    content[start:end] = second
    content[other : other + end - start] = first
    return content


def repeated(content: bytearray, rng: np.random.Generator) -> bytearray:
    start, end = _chunk(content, rng)
    return content[:end] + content[start:end] + content[end:]


def erased(content: bytearray, rng: np.random.Generator) -> bytearray:
    start, end = _chunk(content, rng)
    return content[:start] + content[end:]


def overwritten(content: bytearray, rng: np.random.Generator) -> bytearray:
    start, end = _chunk(content, rng)
    content[start:end] = rng.integers(0, 256, end - start, np.uint8).tobytes()
    return content


DAMAGES: Final[Sequence[Damage]] = (flipped, cut, swapped, repeated, erased, overwritten)


@dataclass(frozen=True)
class Outcome:
    """What became of one input.

    Attributes:
        container, damage: names.
        status: of `videos`, or `no row`.
        lost: pictures fewer than in the undamaged file, those apart that an edit list leaves out.
        error_classes: of its failure rows.
    """

    file: str
    container: str
    damage: str
    status: str
    lost: int
    error_classes: frozenset[str]

    @property
    def is_silent(self) -> bool:
        known = self.container != UNKNOWABLE
        return self.status == "ok" and self.lost > 0 and known


def make(folder: Path, count: int, seed: int) -> dict[str, tuple[str, str]]:
    """Write `count` damaged files; name of the file -> container and damage."""
    rng = np.random.default_rng(seed)
    whole = {}
    for name, how in CONTAINERS.items():
        path = folder / name
        write(path, pictures(), **how)
        whole[name] = path.read_bytes()
    made = {name: (name, "whole") for name in CONTAINERS}
    for number in range(count):
        name = list(CONTAINERS)[number % len(CONTAINERS)]
        damage = DAMAGES[int(rng.integers(0, len(DAMAGES)))]
        file = f"{number:05d}_{name}"
        (folder / file).write_bytes(damage(bytearray(whole[name]), rng))
        made[file] = name, damage.__name__
    return made


def outcomes(folder: Path, dataset: Path, made: dict[str, tuple[str, str]]) -> list[Outcome]:
    """Run the pipeline over the folder; one outcome per file."""
    options = ScoreOptions(
        inputs=(str(folder),),
        output=str(dataset),
        poses=PoseConfig(estimator="fakes:ArmRaiser", fps=30.0, segment_s=1.0),
        pool=PoolConfig(),
    )
    run(options, quiet=True)
    failures = collections.defaultdict(set)
    for row in read_rows(str(dataset), "failures"):
        failures[row["video_id"]].add(str(row["error_class"]))
    videos = {row["video_id"]: row for row in read_rows(str(dataset), "videos")}
    by_name = {Path(row["uri"]).name: row for row in videos.values()}
    found = []
    for file, (container, damage) in made.items():
        row = by_name.get(file)
        if row is None:
            found.append(Outcome(file, container, damage, "no row", PICTURES, frozenset()))
            continue
        edits = re.findall(r"(\d+) pictures left out by the edit list", row["notes"] or "")
        lost = PICTURES - int(row["pictures_decoded"] or 0) - sum(map(int, edits))
        classes = frozenset(failures[row["video_id"]])
        found.append(Outcome(file, container, damage, str(row["status"]), lost, classes))
    return found


def table(found: Iterable[Outcome]) -> str:
    """Containers by damage: inputs, ok, with a row that says why not, silent."""
    lines = [f"{'container':16}{'damage':13}{'inputs':>7}{'ok':>6}{'said':>6}{'silent':>7}"]
    groups = collections.defaultdict(list)
    for outcome in found:
        groups[outcome.container, outcome.damage].append(outcome)
    for (container, damage), some in sorted(groups.items()):
        ok = sum(o.status == "ok" for o in some)
        said = sum(bool(o.error_classes) for o in some)
        silent = sum(o.is_silent for o in some)
        lines.append(f"{container:16}{damage:13}{len(some):7}{ok:6}{said:6}{silent:7}")
    return "\n".join(lines)


def main() -> int:
    """Print the table; status 1 where an input was lost without a word."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=3000, help="damaged inputs")
    parser.add_argument("--seed", type=int, default=0, help="of the damages")
    parser.add_argument("--keep", type=Path, help="folder in which the inputs stay")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        base = options.keep or Path(temporary)
        inputs = base / "inputs"
        inputs.mkdir(parents=True)
        made = make(inputs, options.count, options.seed)
        found = outcomes(inputs, base / "dataset", made)
    print(table(found))
    classes = collections.Counter(name for o in found for name in o.error_classes)
    print(f"\nfailure rows: {dict(classes.most_common())}")
    bad = [o for o in found if o.is_silent or o.status == "no row"]
    for outcome in bad:
        print(outcome)
    print(f"seed {options.seed}: {len(found)} inputs, {len(bad)} lost without a word")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
