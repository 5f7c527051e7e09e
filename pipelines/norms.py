"""The norms of a run, and the scorer file of one that needs no other than the shipped one."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from repscore.models.scorer.norms.files import with_norms
from repscore.models.scorer.norms.norm import Norm, Norms, read_norms
from repscore.models.scorer.shipped import DEFAULT_FILE, recognised
from repscore.models.scorer.words import ENGLISH, render
from repscore.pipelines.options import NoScorer, ScoreOptions
from repscore.pipelines.terminal import echo


def norms_for(options: ScoreOptions) -> Norms | None:
    """What the exercises of a run are judged by; None: its scorer says, or its references do.

    Raises NoScorer for a folder that holds no norms, and for an exercise without one.
    """
    if options.norms is None and options.exercise is None and options.scorer != DEFAULT_FILE:
        return None
    norms = _read(options.norms)
    if options.exercise is not None and options.exercise not in norms:
        raise NoScorer(
            f"--exercise {options.exercise}: expected one with a norm: {', '.join(sorted(norms))}; "
            "add a norm with --norms"
        )
    return Norms(norms, options.exercise)


def default_file(options: ScoreOptions) -> tuple[bytes, str] | None:
    """The shipped scorer with norms, as a file, and its version; None where a run has another.

    Without torch, which takes two seconds to import. Raises as `norms_for` does.
    """
    if options.scorer != DEFAULT_FILE or options.references:
        return None
    path, norms = DEFAULT_FILE, norms_for(options)
    assert norms is not None, "the default scorer has norms"  # noqa: S101
    return with_norms(Path(path).read_bytes(), path, norms)


def _read(folder: str | None) -> dict[str, Norm]:
    try:
        added = {} if folder is None else read_norms(Path(folder))
        return read_norms() | added
    except ValueError as error:
        raise NoScorer(str(error)) from error


def show_norms(folder: str | None, language: str | None, *, as_json: bool) -> None:
    """Print the norms that a run with this folder has; raises NoScorer."""
    norms, known = _read(folder), recognised()
    rows = {name: _rows(norm, language or ENGLISH) for name, norm in sorted(norms.items())}
    if as_json:
        found = [
            {"exercise": name, "recognised": name in known, "expected": expected}
            for name, expected in rows.items()
        ]
        echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for name, expected in rows.items():
        how = "recognised" if name in known else f"not recognised: --exercise {name}"
        echo(f"{name} ({how})")
        for row in expected:
            echo(f"  {row['quantity']} {row['phase']}, {row['expected']}, from {row['views']}")
            echo("".join(f"    {line}\n" for line in (*row["says"], row["source"])).rstrip())


def _rows(norm: Norm, language: str) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    for each in norm.expectations:
        bounds = (("at least", each.low, each.below), ("at most", each.high, each.above))
        said = [(word, bound, key) for word, bound, key in bounds if bound is not None and key]
        rows.append(
            {
                "quantity": each.quantity,
                "phase": each.phase,
                "views": ", ".join(each.views),
                "expected": " and ".join(f"{word} {bound:g}" for word, bound, _ in said),
                "says": _sentences(said, each.digits, language),
                "source": f"{each.kind}: {each.source}",
            }
        )
    return rows


def _sentences(said: Sequence[tuple[str, float, str]], digits: int, language: str) -> list[str]:
    return [
        render(key, {"measured": "…", "expected": f"{abs(bound):.{digits}f}"}, language)
        for _, bound, key in said
    ]
