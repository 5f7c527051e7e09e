"""`python -m repscore.pipelines`."""

from repscore.pipelines.cli import main

main()
