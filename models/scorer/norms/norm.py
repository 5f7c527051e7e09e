"""A norm: expectations of quantities with their sources; and the TOML files that hold norms.

One file per exercise. `[[movement]]` says what makes it this exercise, `[[criterion]]` are
published coaching criteria, `[[data]]` are ranges of recorded people; what two of the latter say of
one quantity is refused. Nothing here imports numpy.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal, get_args

from repscore.models.scorer.words import PHRASE, render

Statistic = Literal["least", "most", "range", "mean"]
View = Literal["front", "back", "side", "oblique"]
Kind = Literal["criterion", "data"]
Unit = Literal["degrees", "torsos", "seconds", "share"]

UNITS: Final[Mapping[str, Unit]] = {
    "knee": "degrees", "hip": "degrees", "elbow": "degrees", "shoulder": "degrees",
    "thigh": "degrees", "trunk_lean": "degrees", "hip_line": "degrees", "knee_inward": "degrees",
    "upper_arm": "degrees", "upper_arm_height": "degrees", "hands_over_shoulders": "torsos",
    "head_over_hands": "torsos", "feet_apart": "torsos",
    "knee_sides": "degrees", "elbow_sides": "degrees", "shoulder_sides": "degrees",
    "hands_over_shoulders_sides": "torsos",
    "arms_with_legs": "share", "duration": "seconds", "out": "seconds", "back": "seconds",
}  # fmt: skip
"""The quantities by name; `quantities.py` measures them."""

SCALARS: Final = ("arms_with_legs", "duration", "out", "back", *(n for n in UNITS if "_sides" in n))
"""Quantities of which a repetition has one value; only their `mean` is asked for."""

FOLDER: Final = Path(__file__).parent
_NUMBERS: Final = ("low", "high", "tolerance", "weight")
_DIGITS: Final[Mapping[Unit, int]] = {"degrees": 0, "torsos": 2, "seconds": 1, "share": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Where one quantity of a repetition lies.

    Attributes:
        quantity: a key of UNITS.
        phase: the value of a repetition that counts: its least or most, their difference, or the
            mean over the repetition.
        views: where the camera may stand; from elsewhere it does not count.
        picture: those of the views in which it is measured in the picture; else in space.
        low, high: the bounds; None where there is none.
    """

    quantity: str
    phase: Statistic
    views: tuple[View, ...]
    picture: tuple[View, ...] = ()
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        name = self.quantity
        if name not in UNITS:
            raise ValueError(f"quantity {name!r}: expected one of {', '.join(UNITS)}")
        if self.phase not in get_args(Statistic):
            raise ValueError(
                f"{name}: phase {self.phase!r}, expected {', '.join(get_args(Statistic))}"
            )
        if name in SCALARS and self.phase != "mean":
            raise ValueError(f"{name}: phase {self.phase!r}, expected mean: it has one value")
        if not self.views or not {*self.views, *self.picture} <= set(get_args(View)):
            raise ValueError(f"{name}: views {self.views}, expected some of {get_args(View)}")
        if not set(self.picture) <= set(self.views):
            raise ValueError(f"{name}: picture {self.picture}, expected some of its views")
        if self.low is None and self.high is None:
            raise ValueError(f"{name}: expected low, high or both, found neither")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"{name}: low {self.low:g} above high {self.high:g}")

    @property
    def digits(self) -> int:
        """Decimal places in which values are said."""
        return _DIGITS[UNITS[self.quantity]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation(Range):
    """What one quantity should be; beyond [low, high] by `tolerance` the score halves.

    Attributes:
        weight: 1 halves the score at `tolerance`.
        source: where the bounds come from.
        below, above: what to say: a key of the texts, or a text.
    """

    kind: Kind
    tolerance: float
    weight: float = 1.0
    source: str
    below: str | None = None
    above: str | None = None

    def __post_init__(self) -> None:
        Range.__post_init__(self)
        name = self.quantity
        if not (self.tolerance > 0 and 0 < self.weight <= 1):
            raise ValueError(
                f"{name}: tolerance {self.tolerance:g} and weight {self.weight:g}, expected above "
                "0, and a weight up to 1"
            )
        if not self.source:
            raise ValueError(f"{name}: expected a source, found none")
        for bound, word in (("low", "below"), ("high", "above")):
            if (getattr(self, bound) is None) != (getattr(self, word) is None):
                raise ValueError(f"{name}: {bound} and {word} belong together, found one of them")
            if getattr(self, word) is not None:
                _check_words(name, getattr(self, word))


def _check_words(name: str, words: str) -> None:
    try:
        render(words, {"measured": "1", "expected": "2", "at": "3"})
    except (KeyError, ValueError, IndexError) as error:
        raise ValueError(
            f"{name}: sentence {words!r}, expected {{measured}} and {{expected}} in it at most"
        ) from error
    if words.startswith(PHRASE):
        raise ValueError(f"{name}: sentence {words!r} begins with {PHRASE}")


@dataclass(frozen=True, slots=True)
class Norm:
    """What a good execution of an exercise looks like.

    Attributes:
        movement: what makes it this exercise: a repetition beyond these ranges is none.
    """

    exercise: str
    expectations: tuple[Expectation, ...]
    movement: tuple[Range, ...] = ()

    def __post_init__(self) -> None:
        keys = [(e.quantity, e.phase, view) for e in self.expectations for view in e.views]
        if not keys:
            raise ValueError("expected at least one [[criterion]] or [[data]], found none")
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise ValueError(f"{', '.join(twice[0])}: stands there twice: keep one")


@dataclass(frozen=True, slots=True)
class Norms:
    """Norms by exercise.

    Attributes:
        exercise: what all inputs show, said by the user; None: it is recognised.
    """

    norms: Mapping[str, Norm]
    exercise: str | None = None

    def to_json(self) -> dict[str, Any]:
        """For a card; `from_json` reads it."""
        return {
            "exercise": self.exercise,
            "norms": {name: asdict(norm) for name, norm in sorted(self.norms.items())},
        }

    @classmethod
    def from_json(cls, card: Mapping[str, Any]) -> "Norms":
        """Raises KeyError, TypeError or ValueError for what is no card of norms."""
        norms = {
            name: Norm(
                name,
                tuple(Expectation(**_tuples(each)) for each in norm["expectations"]),
                tuple(Range(**_tuples(each)) for each in norm["movement"]),
            )
            for name, norm in card["norms"].items()
        }
        return cls(norms, card["exercise"])


def _tuples(given: Mapping[str, Any]) -> dict[str, Any]:
    lists = ("views", "picture")
    return {**given, **{name: tuple(given[name]) for name in lists if name in given}}


def read_norms(folder: Path = FOLDER) -> dict[str, Norm]:
    """The norms of a folder, `<exercise>.toml` each.

    Raises ValueError for a file that is no norm, and where there is none.
    """
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise ValueError(f"{folder}: expected norms, EXERCISE.toml, found none")
    return {file.stem: _read(file) for file in files}


def _read(file: Path) -> Norm:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        parts = (*get_args(Kind), "movement")
        if unknown := sorted(content.keys() - set(parts)):
            raise ValueError(f"unknown {unknown[0]!r}, expected [[{']], [['.join(parts)}]]")
        expectations = [
            Expectation(kind=kind, **_checked(kind, given, Expectation))
            for kind in get_args(Kind)
            for given in content.get(kind, ())
        ]
        movement = [
            Range(**_checked("movement", given, Range)) for given in content.get("movement", ())
        ]
        return Norm(file.stem, tuple(expectations), tuple(movement))
    except (OSError, ValueError, TypeError) as error:  # UnicodeDecodeError, TOMLDecodeError too
        raise ValueError(f"norm {file}: {error}") from error


def _checked(part: str, given: Any, record: type[Range]) -> dict[str, Any]:
    """The fields of a record as the file has them; raises ValueError for others."""
    if not isinstance(given, dict):
        raise ValueError(f"expected [[{part}]] with two brackets")
    about = str(given.get("quantity", part))
    known = {field.name: field for field in fields(record) if field.name != "kind"}
    if unknown := sorted(given.keys() - known.keys()):
        raise ValueError(f"{about}: unknown {unknown[0]!r}, expected {', '.join(sorted(known))}")
    required = {name for name, field in known.items() if field.default is MISSING}
    if missing := sorted(required - given.keys()):
        raise ValueError(f"{about}: {missing[0]} is missing")
    for name, value in given.items():
        kinds: Any = {"views": list, "picture": list} | dict.fromkeys(_NUMBERS, (int, float))
        if not isinstance(value, kinds.get(name, str)) or isinstance(value, bool):
            raise ValueError(f"{about}: {name} is {value!r}, expected another type")
    return _tuples(given)
