"""One remark on a set: what was said of most of its repetitions."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from repscore.models.scorer.score import Remark, Score
from repscore.models.scorer.words import render
from repscore.transforms.records import Repetition
from repscore.transforms.score.sets import Set


def remark_on(of: Set, scored: Sequence[tuple[Repetition, Score]], language: str) -> str | None:
    """In words; None where no repetition has a remark of a norm.

    The remark on most of the repetitions, of several the one that is worst on average; with the
    mean of what was measured.

    Args:
        scored: the repetitions of a recording.
    """
    said: dict[str, list[Remark]] = defaultdict(list)
    for repetition, score in scored:
        inside = of.start_s <= repetition.start_s < of.end_s and repetition.person == of.person
        if inside and score.exercise == of.exercise and score.score_kind == "norm":
            for remark in score.remarks:
                said[remark.key].append(remark)
    if not said:
        return None

    def weight(remarks: list[Remark]) -> tuple[int, float]:
        return len(remarks), fmean(abs(each.deviation) for each in remarks)

    key, remarks = max(said.items(), key=lambda item: weight(item[1]))
    numbers = [each.values["measured"] for each in remarks]
    digits = max(len(number.partition(".")[2]) for number in numbers)
    mean = f"{fmean(map(float, numbers)):.{digits}f}"
    text = render(key, {**remarks[0].values, "measured": mean}, language)
    count = {"count": str(len(remarks)), "total": str(of.repetitions)}
    frame = "summary" if len(remarks) > 1 else "summary_of_one"
    return render(frame, {**count, "text": text}, language)
