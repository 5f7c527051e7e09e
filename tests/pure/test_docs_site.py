"""The site of the documentation builds without a warning and without a network."""

import re
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True)
    build(config)  # raises where there is a warning: a dead link, a page that no menu names
    return folder


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    loaded = [
        address
        for page in pages
        for tag in re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", page.read_text("utf-8"))
        for address in re.findall(r"\b(?:src|href)=[\"']?((?:https?:)?//[^\"'\s>]+)", tag)
    ]

    assert len(pages) > 30
    assert loaded == []


def test_the_readme_is_the_first_page(site: Path) -> None:
    text = (site / "index.html").read_text(encoding="utf-8")

    assert "<title>repscore</title>" in text
    assert 'href="scoring.html"' in text
    assert 'src="images/demo.gif"' in text


def test_lists_and_tables_below_a_line_of_text_are_lists_and_tables(site: Path) -> None:
    limits = (site / "limits.html").read_text(encoding="utf-8")
    commands = (site / "commands.html").read_text(encoding="utf-8")

    assert limits.count("<li>") > 20
    assert "<code>--since RUN|TIME</code>" in commands


def test_links_that_leave_the_documentation_become_paths(site: Path) -> None:
    text = (site / "architecture.html").read_text(encoding="utf-8")

    assert "<code>pipelines/group.py</code>" in text
    assert "../pipelines" not in text
