"""The documentation agrees with the code: generated parts, commands, imports, links."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import click
import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "research" / "README.md"),
    *sorted((ROOT / "docs").rglob("*.md")),
]


def _generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE = _generate()


@pytest.mark.parametrize("name", sorted(GENERATE.PAGES))
def test_generated_pages_are_current(name: str) -> None:
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")

    assert written == GENERATE.page(name), "stale: run `.venv/bin/python docs/generate.py`"


@pytest.mark.parametrize(
    ("path", "command"), [(path, command) for path, command, _ in GENERATE.each_command()]
)
def test_commands_and_options_have_help(path: str, command: click.Command) -> None:
    options = [option for option in command.params if isinstance(option, click.Option)]

    assert command.help, f"{path} has no help"
    assert [option.name for option in options if not option.help] == []


every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@every_page
def test_links_and_paths_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)", text)
    local = [page.parent / link for link in links if not re.match(r"[a-z]+:", link)]
    paths = re.findall(
        r"`((?:benchmarks|infra|models|pipelines|research|tests|transforms)/[\w/.]+)", text
    )
    modules = [
        f"{name.replace('.', '/')}.py"
        for name in re.findall(r"-m ((?:research|benchmarks)\.[\w.]+)", text)
    ]

    missing = [
        path
        for path in (*local, *(ROOT / each for each in (*paths, *modules)))
        if not path.exists()
    ]

    assert missing == []


@every_page
def test_shown_commands_have_their_options(page: Path) -> None:
    commands = {path.split(" ", 1)[1]: command for path, command, _ in GENERATE.each_command()}
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"(?ms)^```\n(.*?)^```$|^((?:    [^\n]*\n)+)", text)
    code = "\n".join(fenced or indented for fenced, indented in blocks)
    shown = re.findall(r"(?m)^(?:    |\$ )?repscore ([a-z].*)$", code)
    wrong = []
    for line in shown:
        words = line.split("#")[0].split()
        name = " ".join(words[:2]) if " ".join(words[:2]) in commands else words[0]
        assert name in commands, f"no command: repscore {line}"
        known = {option for each in commands[name].params for option in each.opts}
        wrong += [word for word in words if re.match(r"--[a-z]", word) and word not in known]

    assert wrong == []


@every_page
def test_shown_imports_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for module, name in re.findall(r"(?m)^from (repscore[\w.]*) import (\w+)$", text):
        spec = importlib.util.find_spec(module)
        assert spec is not None, module
        assert spec.origin is not None
        assert re.search(rf"\b{name}\b", Path(spec.origin).read_text(encoding="utf-8")), name


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize(
    "page", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda page: page.stem
)
def test_decisions_are_short(page: Path) -> None:
    assert len(page.read_text(encoding="utf-8").splitlines()) <= 60
