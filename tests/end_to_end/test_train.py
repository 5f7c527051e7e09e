"""Labelled keypoints through `train` and `evaluate scoring`: scored first, cut at the labels."""

import json
from pathlib import Path

import labelled_keypoints
import numpy as np
import pytest
from click.testing import CliRunner

from repscore.models.scorer.model import read_model
from repscore.pipelines.cli import cli
from repscore.pipelines.labelled import examples_of, scored
from repscore.pipelines.labels import LabelsUnusable


def test_labelled_keypoints_become_a_scorer_and_figures(tmp_path: Path) -> None:
    folder, dataset = tmp_path / "labelled", tmp_path / "dataset"
    folder.mkdir()
    labelled_keypoints.write(folder)
    model = tmp_path / "mine.safetensors"
    shared = ["--dataset", str(dataset), "--workers", "1", "--quiet"]
    short = ["--epochs", "2", "--folds", "4", "-o", str(model)]
    done = CliRunner().invoke(cli, ["train", str(folder), *short, *shared])
    assert done.exit_code == 0, done.output
    scorer = read_model(model.read_bytes(), str(model))
    assert scorer.rules.exercises == ("biceps_curl", "squat")
    assert scorer.rules.judged == ("squat",)
    card = json.loads(model.with_suffix(".json").read_text())
    assert card["about"]["figures"]["repetitions"] == 20
    assert card["about"]["command"].startswith("repscore train labelled --seed 0 --epochs 2")

    arguments = ["evaluate", "scoring", str(folder), "--scorer", str(model), "--json", *shared]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout, parse_constant=pytest.fail)
    assert [row["group"] for row in result["figures"]] == [None, "short", "tall"]
    assert result["figures"][0]["subjects_right"] == [None, None, None], "several exercises each"

    with scored(str(folder), None, str(dataset), quiet=True) as (root, inputs):
        examples = examples_of(root, inputs)
        labels = [repetition for each in inputs for repetition in each.repetitions]
        for example, label in zip(examples, labels, strict=True):
            assert example.execution.start_s == pytest.approx(label.start_s, abs=0.04)
            assert np.isfinite(example.execution.body).all()
    (folder / "labels.csv").write_text("input,exercise,start_s,end_s\nelse.mp4,squat,0,1\n")
    with (
        pytest.raises(LabelsUnusable, match=r"1 are not there, for example .*else.mp4"),
        scored(str(dataset), str(folder / "labels.csv")) as (root, inputs),
    ):
        examples_of(root, inputs)
