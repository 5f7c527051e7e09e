"""Writes dashboard.json, the Grafana dashboard; with --rules, prints its expressions as rules.

    .venv/bin/python infra/monitoring/dashboard.py

Outside a server Grafana checks no expression. As recording rules `promtool check rules` reads them.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

PANELS: Final = (
    ("Throughput", "frames/s", "sum by (dataset) (rate(repscore_frames_total[$__rate_interval]))"),
    (
        "Video hours per day",
        "h",
        "sum by (dataset) (increase(repscore_video_seconds_total[1d])) / 3600",
    ),
    (
        "Cost per day",
        "currencyUSD",
        "sum by (dataset) (increase(repscore_run_seconds_total[1d])) / 3600 * $machines * $price",
    ),
    (
        "Cost per video hour",
        "currencyUSD",
        "sum by (dataset) (increase(repscore_run_seconds_total[1d])) / sum by (dataset) "
        "(increase(repscore_video_seconds_total[1d])) * $machines * $price",
    ),
    (
        "Inputs per day by status",
        "short",
        "sum by (dataset, status) (increase(repscore_inputs_total[1d]))",
    ),
    (
        "Failures per day by stage and cause",
        "short",
        "sum by (dataset, stage, cause) (increase(repscore_failures_total[1d]))",
    ),
    (
        "Repetitions per day",
        "short",
        "sum by (dataset) (increase(repscore_repetitions_total[1d]))",
    ),
    (
        "Since the last success",
        "s",
        "time() - max by (dataset, command) (repscore_last_success_timestamp_seconds)",
    ),
    ("Duration of the run", "s", "max by (dataset, command) (repscore_last_run_duration_seconds)"),
    ("Lag of watch", "s", "max by (dataset) (repscore_lag_seconds)"),
    ("Queue of watch", "short", "sum by (dataset, state) (repscore_queue_inputs)"),
    ("Segments that wait", "short", "sum by (dataset) (repscore_segments_waiting)"),
    ("Pose workers", "short", "sum by (dataset) (repscore_workers * repscore_running)"),
    (
        "Batch fill",
        "percentunit",
        "avg by (dataset) (repscore_worker_batch_frames / repscore_worker_batch_places)",
    ),
    (
        "Time of pose workers",
        "percentunit",
        "avg by (dataset, on) (repscore_worker_time_ratio)",
    ),
)
"""Title, unit as Grafana names it, expression; each metric gets the dashboard's dataset."""

_SOURCE: Final = {"type": "prometheus", "uid": "${source}"}
_FILE: Final = Path(__file__).with_name("dashboard.json")


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana's JSON model."""
    dataset = "label_values(repscore_run_info, dataset)"
    return {
        "uid": "repscore",
        "title": "repscore",
        "tags": ["repscore"],
        "schemaVersion": 41,
        "editable": True,
        "refresh": "1m",
        "time": {"from": "now-7d", "to": "now"},
        "templating": {
            "list": [
                {"name": "source", "type": "datasource", "query": "prometheus"},
                {
                    "name": "dataset",
                    "type": "query",
                    "datasource": _SOURCE,
                    "query": {"query": dataset, "refId": "dataset"},
                    "refresh": 2,
                    "multi": True,
                    "includeAll": True,
                    "allValue": ".*",
                    "current": {"text": "All", "value": "$__all"},
                },
                _number("machines", "machines of a run", "1"),
                _number("price", "price of a machine's hour", "1"),
            ]
        },
        "panels": [_panel(number, *panel) for number, panel in enumerate(PANELS)],
    }


def _number(name: str, label: str, value: str) -> dict[str, Any]:
    current = {"text": value, "value": value}
    return {"name": name, "label": label, "type": "textbox", "query": value, "current": current}


def _panel(number: int, title: str, unit: str, expression: str) -> dict[str, Any]:
    selected = re.sub(r"\b(repscore_\w+)", r'\1{dataset=~"$dataset"}', expression)
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": title,
        "datasource": _SOURCE,
        "gridPos": {"x": 8 * (number % 3), "y": 7 * (number // 3), "w": 8, "h": 7},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [{"refId": "A", "datasource": _SOURCE, "expr": selected}],
    }


def rules(model: dict[str, Any]) -> dict[str, Any]:
    """The expressions of a dashboard as recording rules, its variables replaced."""
    values = {"$__rate_interval": "5m", "$dataset": ".*", "$machines": "1", "$price": "1"}
    recorded = []
    for panel in model["panels"]:
        for target in panel["targets"]:
            expression = target["expr"]
            for name, value in values.items():
                expression = expression.replace(name, value)
            recorded.append({"record": f"panel:{panel['id']}", "expr": expression})
    return {"groups": [{"name": "dashboard", "rules": recorded}]}


if __name__ == "__main__":
    if sys.argv[1:] == ["--rules"]:
        sys.stdout.write(json.dumps(rules(json.loads(_FILE.read_text("utf-8")))))
    else:
        _FILE.write_text(json.dumps(dashboard(), indent=1) + "\n", "utf-8")
