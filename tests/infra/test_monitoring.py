"""Metrics, alerts and the dashboard name the same things, and a wrong field in each is found."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from infra_copies import broken

from infra import check
from infra.monitoring import dashboard
from repscore.pipelines.metrics import METRICS
from repscore.pipelines.query import query

FOLDER = check.HERE / "monitoring"
OPERATIONS = check.HERE.parent / "docs" / "operations.md"


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"]
    return list(group["rules"])


def metrics_in(text: str) -> set[str]:
    return set(re.findall(r"\b(repscore_\w+)", text))


@pytest.mark.parametrize(
    ("file", "old", "new", "checker"),
    [
        ("prometheus.yml", "scrape_interval", "scrap_interval", "promtool check config"),
        ("prometheus.yml", "alerts.yml", "alarms.yml", "promtool check config"),
        ("alerts.yml", "for: 5m", "for: soon", "promtool check rules"),
        ("alerts.yml", "labels:", "label:", "promtool check rules"),
        ("alerts.yml", "max by (dataset)", "max bye (dataset)", "promtool check rules"),
        ("alerts.yml", "> 26 * 3600", "> 28 * 3600", "promtool test rules"),
        ("alerts_test.yml", "exp_labels", "labels", "promtool test rules"),
        ("dashboard.json", "sum by", "sum bye", "promtool check rules (expressions)"),
        ("dashboard.json", '"gridPos"', '"gridPosition"', "grafana-foundation-sdk"),
        ("dashboard.json", '"expr"', '"expression"', "grafana-foundation-sdk"),
    ],
)
def test_a_wrong_field_fails(tmp_path: Path, file: str, old: str, new: str, checker: str) -> None:
    broken(tmp_path, f"monitoring/{file}", old, new, checker=checker)


def test_the_dashboard_is_what_its_script_writes() -> None:
    written = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))

    assert written == dashboard.dashboard(), "stale: run infra/monitoring/dashboard.py"


def test_each_alert_has_a_test_in_which_it_fires() -> None:
    tests = yaml.safe_load((FOLDER / "alerts_test.yml").read_text("utf-8"))["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    fired = {case["alertname"] for case in cases if case.get("exp_alerts")}
    silent = {case["alertname"] for case in cases if not case.get("exp_alerts")}

    assert fired == {rule["alert"] for rule in rules()}
    assert fired - silent == {"RepscoreManyFailures"}, "where another dataset stays silent"


def test_a_real_run_has_every_metric_that_is_looked_at(night: Any) -> None:
    text = night.metrics.read_text("utf-8")
    there = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    panels = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))["panels"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    looked_at = metrics_in(" ".join([*expressions, *(rule["expr"] for rule in rules())]))

    assert len(looked_at) > 10
    assert looked_at <= there


def test_the_file_of_a_real_run_agrees_with_its_row_and_passes_promtool(night: Any) -> None:
    if not check.installed("promtool"):
        pytest.skip("promtool not installed: run `make infra`")
    text = night.metrics.read_text("utf-8")
    promtool = check.tool_folder("promtool") / "bin" / "promtool"
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    values = dict(re.findall(r"(?m)^repscore_(\w+)\{.*\} (\S+)$", text))
    relation = query(str(night.dataset), "SELECT repetitions, frames, decoded_s, wall_s FROM runs")
    assert relation is not None
    repetitions, frames, decoded_s, wall_s = relation.fetchall()[0]
    assert float(values["repetitions_total"]) == repetitions > 0
    assert float(values["frames_total"]) == frames > 0
    assert float(values["video_seconds_total"]) == pytest.approx(decoded_s)
    assert float(values["run_seconds_total"]) == pytest.approx(wall_s, abs=5)


def test_the_page_lists_each_metric_and_each_alert() -> None:
    page = (
        OPERATIONS.read_text("utf-8").partition("\n## Watching it run\n")[2].partition("\n## ")[0]
    )
    rows = dict(re.findall(r"(?m)^\| `(\w+)` \| (.*) \|$", page))

    assert {name: rows[name] for name in rows if name in METRICS} == METRICS
    assert set(rows) - set(METRICS) == {rule["alert"] for rule in rules()}
