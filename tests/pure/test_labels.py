"""The one layout of labelled data, and what is said of rows that cannot be used."""

from pathlib import Path

import pytest

from repscore.pipelines.labels import LabelsUnusable, read_labels


def _write(folder: Path, *rows: str) -> str:
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return str(folder)


def test_repetitions_and_counts_of_inputs_are_read(tmp_path: Path) -> None:
    folder = _write(
        tmp_path,
        "input,exercise,start_s,end_s,count,correct,subject,group",
        "b/two.mp4,squat,3.5,5,,0,anna,patient",
        "b/two.mp4,squat,1,3.5,,1,anna,patient",
        "gs://bucket/one.mp4,,0,2,,,,",
        "three.npz,curl,,,12,,,",
    )
    two, one, three = read_labels(folder)
    assert two.uri == str(tmp_path / "b" / "two.mp4")
    assert [each.start_s for each in two.repetitions] == [1.0, 3.5]
    assert [each.correct for each in two.repetitions] == [True, False]
    assert (two.count, two.exercise, two.group) == (2, "squat", "patient")
    assert two.repetitions[0].subject == "anna"
    assert one.uri == one.repetitions[0].subject == "gs://bucket/one.mp4"
    assert one.exercise is one.repetitions[0].correct is one.group is None
    assert (three.count, three.repetitions) == (12, ())


def test_a_count_may_exceed_the_known_boundaries(tmp_path: Path) -> None:
    rows = ["input,exercise,start_s,end_s,count", "a.mp4,squat,1,2,", "a.mp4,squat,,,3"]
    (found,) = read_labels(_write(tmp_path, *rows))
    assert found.count == 3
    assert len(found.repetitions) == 1
    with pytest.raises(LabelsUnusable, match=r"column count: expected one count of at least the 1"):
        read_labels(_write(tmp_path, *rows[:2], "a.mp4,squat,,,0"))


def test_paths_are_relative_to_the_file_of_labels(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    _write(tmp_path / "elsewhere", "input,count", "a.mp4,3")
    (found,) = read_labels(str(tmp_path), str(tmp_path / "elsewhere" / "labels.csv"))
    assert found.uri == str(tmp_path / "elsewhere" / "a.mp4")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (",squat,1,2,,,", "row 2, column input: expected a path or URL, found nothing"),
        ("a,squat,x,2,,,", "row 2, column start_s: expected a number of seconds, found x"),
        ("a,squat,-1,2,,,", "row 2, column start_s: expected seconds from 0 on, found -1"),
        ("a,squat,2,1,,,", r"row 2, column end_s: expected seconds after start_s \(2\), found 1"),
        ("a,squat,,1,,,", "row 2, column start_s: expected the start"),
        ("a,squat,,,,,", "row 2, column count: expected a number of repetitions"),
        ("a,squat,1,2,,yes,", "row 2, column correct: expected 1, 0 or nothing, found yes"),
        ("a,squat,1,2,3,,", "row 2, column count: expected nothing"),
    ],
)
def test_what_is_wrong_with_a_row_is_said(tmp_path: Path, row: str, expected: str) -> None:
    header = "input,exercise,start_s,end_s,count,correct,subject"
    with pytest.raises(LabelsUnusable, match=expected):
        read_labels(_write(tmp_path, header, row))


def test_a_file_without_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelsUnusable, match=r"expected a CSV file .* give another path"):
        read_labels(str(tmp_path))
    with pytest.raises(LabelsUnusable, match="row 1: expected the column input"):
        read_labels(_write(tmp_path, "video,score", "a,1"))
    with pytest.raises(LabelsUnusable, match="found none"):
        read_labels(_write(tmp_path, "input,count"))
