"""Run by the Python of Airflow's environment: a night on a worker, and the pods of another one.

usage: python airflow_night.py FOLDER OUTPUT    the folder of the DAG and pod.yaml, and a JSON file
"""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowSkipException
from airflow.utils.db import initdb
from kubernetes.client import models


def dag_of(folder: Path):
    bag = DagBag(str(folder))
    assert bag.import_errors == {}
    return bag.dags["repscore_nightly"]


def night(folder: Path) -> dict[str, str]:
    """The states of the tasks of the night of 1 March."""
    run = dag_of(folder).test(
        logical_date=datetime(2026, 3, 2, tzinfo=UTC), run_conf={"by_ingest_date": True}
    )
    return {"run": run.state} | {task.task_id: task.state for task in run.get_task_instances()}


def pods(folder: Path) -> dict[str, object]:
    """What each task asks Kubernetes for, and what becomes of it by the exit status of its pod."""
    os.environ["REPSCORE_POD"] = str(folder / "pod.yaml")
    found: dict[str, object] = {}
    for task in dag_of(folder).tasks:
        pod = task.build_pod_request_obj(dry_run=True)
        found[task.task_id] = {
            "arguments": pod.spec.containers[0].args,
            "image": pod.spec.containers[0].image,
            "account": pod.spec.service_account_name,
            "volumes": [volume.name for volume in pod.spec.volumes],
            "states": {str(status): ended(task, pod, status) for status in (0, 1, 3)},
        }
    return found


def ended(task, pod: models.V1Pod, exit_code: int) -> str:
    """The state of a task whose pod ended with a status, as the operator's last step sets it."""
    state = models.V1ContainerState(
        terminated=models.V1ContainerStateTerminated(exit_code=exit_code)
    )
    container = models.V1ContainerStatus(
        name=task.base_container_name,
        image="",
        image_id="",
        ready=False,
        restart_count=0,
        state=state,
    )
    pod.status = models.V1PodStatus(
        phase="Failed" if exit_code else "Succeeded", container_statuses=[container]
    )
    # All that would ask a cluster.
    task.log_events_on_failure = False
    task.is_istio_enabled = lambda _: False
    task.patch_already_checked = task.process_pod_deletion = lambda *_, **__: None
    try:
        task.cleanup(pod, pod)
    except AirflowSkipException:
        return "skipped"
    except Exception:
        return "failed"
    return "success"


if __name__ == "__main__":
    place = Path(sys.argv[1])
    initdb()
    Path(sys.argv[2]).write_text(json.dumps({"night": night(place), "pods": pods(place)}))
