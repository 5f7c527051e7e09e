"""Write metadata.json, the parameters of the Flex Template, from the options of `repscore score`.

python infra/dataflow/metadata.py            # writes it
python infra/dataflow/metadata.py --check    # ends with status 1 where it is stale
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

import click
from launch import LEFT_OUT

from repscore.pipelines.cli import score

FILE: Final = Path(__file__).with_name("metadata.json")
_OF_BEAM: Final = {
    "sdk_container_image": "Image of the workers: the one that the template was built with.",
    "disk_size_gb": "Disk of a worker. It holds the image, some 7 GB, and videos without an index.",
    "dataflow_service_options": "Options of the service, such as the accelerator of the workers: "
    "worker_accelerator=type:nvidia-l4;count:1;install-nvidia-driver",
}


def metadata() -> dict[str, Any]:
    """What metadata.json holds."""
    options = [
        each
        for each in score.params
        if isinstance(each, click.Option) and each.opts[0] not in {*LEFT_OUT, "--runner"}
    ]
    places = _parameter("inputs", "Files, folders, globs and URLs, separated by blanks.")
    return {
        "name": "repscore",
        "description": "Exercise videos in a bucket in, a scored and queryable dataset out.",
        "parameters": [
            places | {"isOptional": False},
            *map(_of_option, options),
            *(_parameter(name, text) for name, text in _OF_BEAM.items()),
        ],
    }


def _of_option(option: click.Option) -> dict[str, Any]:
    name = option.opts[0].removeprefix("--").replace("-", "_")
    parameter = _parameter(name, " ".join((option.help or "").split()))
    parameter["isOptional"] = not option.required
    if isinstance(option.type, click.Choice):
        parameter["regexes"] = [f"^({'|'.join(option.type.choices)})$"]
    elif isinstance(option.type, click.IntRange):
        parameter["regexes"] = ["^[0-9]+$"]
    elif isinstance(option.type, click.FloatRange):
        parameter["regexes"] = ["^[0-9]+([.][0-9]+)?$"]
    return parameter


def _parameter(name: str, text: str) -> dict[str, Any]:
    label = name.replace("_", " ").capitalize()
    return {"name": name, "label": label, "helpText": text, "isOptional": True}


if __name__ == "__main__":
    text = json.dumps(metadata(), indent=2) + "\n"
    if "--check" not in sys.argv:
        FILE.write_text(text, "utf-8")
    elif FILE.read_text("utf-8") != text:
        sys.exit(f"{FILE.name} is stale: run python infra/dataflow/metadata.py")
