"""Hooks of MkDocs: pages that GitHub shows as they are become pages of a site.

The README is the first page. A link that leaves docs/ becomes the path that it names.
"""

import posixpath
import re
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[1]
_LINK: Final = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the README as `index.md`, with links as seen from docs/."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"\]\(docs/", "](", text)
    text = re.sub(r"\]\((?!\w+:|#)(?=(?:CONTRIBUTING|research|infra)\b)", "](../", text)
    files.append(File.generated(config, "index.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """The page as Python-Markdown reads it."""
    parts = re.split(r"(?ms)(^```.*?^```$)", markdown)
    folder = posixpath.dirname(page.file.src_uri)
    return "".join(part if part.startswith("```") else _prepared(part, folder) for part in parts)


def _prepared(text: str, folder: str) -> str:
    def replaced(link: re.Match[str]) -> str:
        words, target = link[1], link[2]
        if re.match(r"\w+:|#", target):
            return link[0]
        path = posixpath.normpath(posixpath.join("docs", folder, target.partition("#")[0]))
        if path.startswith("docs/") and path.endswith((".md", ".gif", ".png")):
            return link[0]
        return (
            words
            if path.rstrip("/") in words or words.strip("`") == path
            else f"{words} (`{path}`)"
        )

    # Python-Markdown splits no code at a bar, and shows the backslash that GitHub needs there.
    text = re.sub(r"`[^`\n]*`", lambda code: code[0].replace("\\|", "|"), text)
    return _with_gaps(_LINK.sub(replaced, text))


def _with_gaps(text: str) -> str:
    """GitHub begins a list or a table right below a line of text; Python-Markdown wants a gap."""
    lines: list[str] = []
    listed = False
    for line in text.split("\n"):
        before = lines[-1] if lines else ""
        item, row = re.match(r"[-*] |1\. ", line), line.startswith("|")
        if before and ((item and not listed) or (row and not before.startswith("|"))):
            lines.append("")
        listed = bool(item) or (listed and bool(line))
        lines.append(line)
    return "\n".join(lines)
