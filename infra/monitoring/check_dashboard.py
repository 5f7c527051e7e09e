"""Fails where dashboard.json has a field, or a kind of value, that Grafana's own SDK does not know.

The SDK reads a dashboard and leaves out what it does not know: every field of the file has to be in
what it writes. Run with the packages of the tool grafana-foundation-sdk (infra/tools.toml).
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard


def lost(given: Any, kept: Any, place: str = "") -> Iterator[str]:
    """The places of what is in `given` and not in `kept`."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for name, value in given.items():
            yield from lost(value, kept.get(name), f"{place}/{name}")
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for number, (value, other) in enumerate(zip(given, kept, strict=True)):
            yield from lost(value, other, f"{place}/{number}")
    elif given != kept:
        yield place


if __name__ == "__main__":
    register_default_plugins()
    dashboard = json.loads(Path("dashboard.json").read_text("utf-8"))
    written = json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder)
    unknown = list(lost(dashboard, json.loads(written)))
    if unknown:
        sys.exit(f"dashboard.json: unknown to Grafana: {', '.join(unknown)}")
