"""Runs command lines one after the other in one process, so that Ray starts once.

Reads a JSON list of argument lists, prints one JSON object per command: status and output.
"""

import contextlib
import io
import json
import sys

from repscore.pipelines import cli


def main() -> None:
    for arguments in json.load(sys.stdin):
        out, errors = io.StringIO(), io.StringIO()
        status: object = None
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            try:
                cli.main(arguments)
            except SystemExit as end:
                status = end.code
        answer = {"status": status, "out": out.getvalue(), "errors": errors.getvalue()}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
