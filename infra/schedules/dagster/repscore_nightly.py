"""A night of repscore in Dagster: the tables of a dataset as assets (docs/operations.md).

    pip install dagster dagster-webserver
    REPSCORE_ARCHIVE=gs://bucket/videos REPSCORE_DATASET=gs://bucket/dataset \
        dagster dev --python-file repscore_nightly.py

`repscore` has to be on PATH. `score` ends with 3 where more inputs failed than --max-failure-rate
allows. The others are in the tables, so that is a warning of the asset check `failure_rate`; the
run goes on and ends well.

The commands are plain subprocesses: Dagster's client for external processes (Pipes) fails a step
at any exit status but 0.
"""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import dagster as dg

TABLES = ("runs", "videos", "repetitions", "sets", "feedback", "failures")
TOO_MANY_FAILED = 3


class Repscore(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where the videos and the dataset are, and how repscore is called."""

    archive: str
    dataset: str
    max_failure_rate: str = "0.05"

    def call(self, command: str, *arguments: str) -> tuple[int, dict[str, Any]]:
        """The exit status of a command (0 or 3) and the JSON that it printed."""
        done = subprocess.run(
            ["repscore", command, *arguments, "--json"], stdout=subprocess.PIPE, check=False
        )
        if done.returncode not in (0, TOO_MANY_FAILED):
            raise dg.Failure(f"repscore {command} ended with {done.returncode}; stderr says why")
        return done.returncode, json.loads(done.stdout)


@dg.multi_asset(
    specs=[dg.AssetSpec(table, group_name="repscore", kinds={"deltalake"}) for table in TABLES],
    check_specs=[dg.AssetCheckSpec("failure_rate", asset="failures")],
    retry_policy=dg.RetryPolicy(max_retries=2, delay=600),
)
def tables(
    context: dg.AssetExecutionContext, repscore: Repscore
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Score what is new, say what changed, tend the tables."""
    dataset = repscore.dataset
    rate = repscore.max_failure_rate
    status, run = repscore.call(
        "score", repscore.archive, "--output", dataset, "--max-failure-rate", rate
    )
    _, changes = repscore.call("diff", dataset)
    repscore.call("maintain", dataset)
    _, summary = repscore.call("summary", dataset)
    metadata = summary["totals"] | {"run_id": run["run_id"], "changes": changes["counts"]}
    for table in TABLES:
        place = {"dagster/uri": f"{dataset}/tables/{table}"}
        yield dg.MaterializeResult(asset_key=table, metadata=metadata | place)
    if status == TOO_MANY_FAILED:
        context.log.warning(f"more than {rate} of the inputs failed: see the table failures")
    yield dg.AssetCheckResult(
        check_name="failure_rate",
        asset_key="failures",
        passed=status != TOO_MANY_FAILED,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"inputs": run["inputs"], "failures": run["failures"]},
    )


NIGHTLY = dg.define_asset_job("repscore_nightly", selection=[tables])

DEFINITIONS = dg.Definitions(
    assets=[tables],
    jobs=[NIGHTLY],
    schedules=[dg.ScheduleDefinition(job=NIGHTLY, cron_schedule="0 2 * * *")],
    resources={
        "repscore": Repscore(
            archive=dg.EnvVar("REPSCORE_ARCHIVE"), dataset=dg.EnvVar("REPSCORE_DATASET")
        )
    },
)
