"""The program `repscore`, also as `python -m repscore.pipelines`."""

import sys

from repscore.pipelines.signals import end_on_signals
from repscore.transforms.processes import own_temporary_directory


def main() -> None:
    """Run the command line of this process."""
    end_on_signals(sys.argv[1] if len(sys.argv) > 1 else "")  # before the slow imports
    own_temporary_directory()
    from repscore.pipelines import cli

    cli.main()


if __name__ == "__main__":
    main()
