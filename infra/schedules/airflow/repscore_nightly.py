"""A night of repscore in Airflow 3: `repscore score`, `maintain`, `diff` (docs/operations.md).

Put this file into the DAG folder. Settings are variables of the environment in which Airflow runs:

    REPSCORE_ARCHIVE=gs://bucket/videos
    REPSCORE_DATASET=gs://bucket/dataset
    REPSCORE_POD=/path/of/pod.yaml    # each command in a pod like this; while it runs, the task
                                      # waits in the triggerer. Without it: on Airflow's worker,
                                      # which then needs `repscore` on its PATH

`score` ends with 3 where more inputs failed than --max-failure-rate allows. The others are in the
dataset, so its task is then skipped, not failed, and `maintain` and `diff` run.

An archive with a folder per day of arrival (2026-01-31) can be filled day by day:

    airflow backfill create --dag-id repscore_nightly --from-date 2026-01-01 --to-date 2026-01-31 \
        --dag-run-conf '{"by_ingest_date": true}'

A day without a folder fails there: a run without inputs is an error.
"""

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, BaseOperator, CronDataIntervalTimetable, Param, TriggerRule

ARCHIVE = os.environ.get("REPSCORE_ARCHIVE", "gs://bucket/videos")
DATASET = os.environ.get("REPSCORE_DATASET", "gs://bucket/dataset")
POD = os.environ.get("REPSCORE_POD")
INPUT = (
    "{{ params.archive }}{% if params.by_ingest_date %}/{{ data_interval_start | ds }}{% endif %}"
)
TOO_MANY_FAILED = 3


def repscore(command: str, *arguments: str) -> BaseOperator:
    """The task of one command; its arguments are templates."""
    # After a skipped `score`, too.
    rule = TriggerRule.NONE_FAILED
    words = (command, *arguments)
    if POD:
        return KubernetesPodOperator(
            task_id=command,
            name=f"repscore-{command}",
            pod_template_file=POD,
            arguments=list(words),
            deferrable=True,
            skip_on_exit_code=TOO_MANY_FAILED,
            trigger_rule=rule,
        )
    # By the environment: what a user gives as a parameter must not become a part of the command.
    variables = {f"WORD_{number}": word for number, word in enumerate(words)}
    return BashOperator(
        task_id=command,
        bash_command=" ".join(["exec repscore", *(f'"${name}"' for name in variables)]),
        env=variables,
        append_env=True,
        skip_on_exit_code=TOO_MANY_FAILED,
        trigger_rule=rule,
    )


with DAG(
    "repscore_nightly",
    description="Score what is new in an archive of exercise videos",
    doc_md=__doc__,
    # A run's interval is the day that has just ended.
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,  # two at once lose no row, but estimate the same poses twice
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
    params={
        "archive": Param(ARCHIVE, type="string"),
        "dataset": Param(DATASET, type="string"),
        "by_ingest_date": Param(False, type="boolean"),
    },
):
    score = repscore(
        "score", INPUT, "--output", "{{ params.dataset }}", "--max-failure-rate", "0.05"
    )
    score >> [
        repscore("diff", "{{ params.dataset }}"),
        repscore("maintain", "{{ params.dataset }}"),
    ]
