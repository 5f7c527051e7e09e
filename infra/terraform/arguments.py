"""Hold the arguments of *.tf to the schema of the provider for Google Cloud, without the provider.

usage: python arguments.py TYPES FILE...

TYPES is the folder `lib` of the npm package @cdktf/provider-google, whose TypeScript was generated
from the provider's schema, at the version that versions.tf pins. Checked are resources and data
sources: unknown and missing arguments and blocks, literals of the wrong type, and references to
what is not declared or has no such attribute. Allowed values are known to the cloud alone.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hcl2

QUOTE = '"'
META = {"count", "depends_on", "for_each", "lifecycle", "provider"}
INTERFACE = re.compile(r"^export interface (\w+)[^{]*\{(.*?)^\}", re.DOTALL | re.MULTILINE)
MEMBER = re.compile(
    r"#(\w+) \w+#\w+\}(?:(?!readonly).)*?\*/\s*readonly \w+(\??): (\{.*?\}|[^;{]+)[^;]*;", re.DOTALL
)


@dataclass(frozen=True)
class Argument:
    """One argument or block of the schema; `type` is TypeScript's."""

    required: bool
    type: str


Interfaces = dict[str, dict[str, Argument]]


def schema_of(types: Path, kind: str) -> tuple[Interfaces, str]:
    """All interfaces of a resource, and the name of its own."""
    folder = types / kind.replace("_", "-")
    if not folder.is_dir():
        raise KeyError(kind)
    text = "".join(path.read_text("utf-8") for path in sorted(folder.glob("*.d.ts")))
    versions = set(re.findall(r"hashicorp/google/([\d.]+)/", text))
    pinned = re.findall(r'version = "([\d.]+)"', Path("versions.tf").read_text("utf-8"))
    if versions != set(pinned):
        raise SystemExit(f"versions.tf pins {pinned}, the types are of {versions}")
    interfaces = {
        name: {
            member: Argument(not optional, type_.strip())
            for member, optional, type_ in MEMBER.findall(body)
        }
        for name, body in INTERFACE.findall(text)
    }
    return interfaces, next(name for name in interfaces if name.endswith("Config"))


def mistakes(body: dict[str, object], interfaces: Interfaces, name: str) -> Iterator[str]:
    """What is wrong in a block whose schema is the interface `name`."""
    arguments = interfaces[name]
    yield from (
        f"no argument {key!r}" for key in body if key not in arguments and not key.startswith("__")
    )
    yield from (
        f"{key!r} is missing"
        for key, argument in arguments.items()
        if argument.required and key not in body
    )
    for key, value in body.items():
        if key not in arguments:
            continue
        type_ = arguments[key].type
        block = re.split(r"\W", type_)[0]
        if block in interfaces:
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, dict):
                    yield from (f"{key}: {text}" for text in mistakes(each, interfaces, block))
                else:
                    yield f"{key!r} is a block"
        elif not fits(value, type_):
            yield f"{key!r} is {value}, expected {type_}"


def fits(value: object, type_: str) -> bool:
    """Whether a value can be of a type; any expression can."""
    if isinstance(value, str) and value.startswith("${"):
        return True
    literal = str(value).strip('"')
    if type_.endswith("[]"):
        return isinstance(value, list)
    if type_.startswith("boolean"):
        return literal.lower() in ("true", "false")
    if type_ == "number":
        return re.fullmatch(r"-?[\d.]+", literal) is not None
    if type_.startswith("{"):
        return isinstance(value, dict)
    return not isinstance(value, (list, dict))


def references(text: str, types: Path) -> Iterator[str]:
    """References of all files together to what does not exist."""
    text = re.sub(r"(?m)(^| )#.*$", "", text)
    declared = {f"var.{name}" for name in re.findall(r'^variable "(\w+)"', text, re.MULTILINE)}
    for body in re.findall(r"^locals \{(.*?)^\}", text, re.DOTALL | re.MULTILINE):
        declared |= {f"local.{name}" for name in re.findall(r"(?m)^  (\w+) +=", body)}
    blocks = re.findall(r'^(resource|data) "(\w+)" "(\w+)"', text, re.MULTILINE)
    declared |= {f"{'data.' * (kind == 'data')}{type_}.{name}" for kind, type_, name in blocks}
    pattern = r"(?<![\w.])((?:var|local|(?:data\.)?google_\w+)\.\w+)(?:\.(\w+))?"
    for name, attribute in sorted(set(re.findall(pattern, text))):
        if name not in declared:
            yield f"{name} is not declared"
        elif attribute and "google_" in name:
            kind = name.replace("data.google_", "data_google_").split(".")[0]
            folder = types / kind.removeprefix("google_").replace("_", "-")
            getter = re.sub(r"_(\w)", lambda match: match[1].upper(), attribute)
            if f"get {getter}()" not in (folder / "index.d.ts").read_text("utf-8"):
                yield f"{name} has no attribute {attribute!r}"


def main() -> None:
    """Print each mistake; exit with 1 where there is one."""
    types, count, wrong = Path(sys.argv[1]), 0, []
    text = "".join(Path(name).read_text("utf-8") for name in sys.argv[2:])
    for path in map(Path, sys.argv[2:]):
        with path.open() as file:
            parsed = hcl2.load(file)
        for section, prefix in (("resource", ""), ("data", "data-google-")):
            for entry in parsed.get(section, []):
                ((kind, named),) = ((key.strip('"'), value) for key, value in entry.items())
                ((label, body),) = named.items()
                count += 1
                place = f"{path}: {kind}.{label.strip(QUOTE)}"
                try:
                    interfaces, own = schema_of(types, prefix + kind.removeprefix("google_"))
                except KeyError:
                    wrong.append(f"{place}: no such {section}")
                    continue
                body = {key: value for key, value in body.items() if key not in META}
                wrong += [f"{place}: {text}" for text in mistakes(body, interfaces, own)]
    wrong += references(text, types)
    print("\n".join(wrong))
    sys.exit(1 if wrong or not count else 0)


if __name__ == "__main__":
    main()
