"""A browser for tests, and axe-core, which looks for faults of accessibility: `make browser`."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from repscore.models.weights import cache_dir

AXE_VERSION = "4.14.1"
AXE_SHA256 = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
AXE = cache_dir() / "bin" / f"axe-core-{AXE_VERSION}.min.js"
CHROMIUM = shutil.which("chromium")


def why_not() -> str | None:
    """Why no test can open a browser here; None where it can."""
    if CHROMIUM is None or not AXE.is_file():
        missing = "chromium" if CHROMIUM is None else "axe-core"
        return f"needs {missing}: run `make browser`"
    return None


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser that runs; the test is skipped where there is none."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Chromium refuses its sandbox to root, as whom CI runs; the pages are our own.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def serious_faults(page: Any) -> list[str]:
    """What axe-core finds on a page, serious or worse: rule and element."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{fault['id']}: {node['html'][:120]}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
