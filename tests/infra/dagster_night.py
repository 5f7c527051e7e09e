"""Run by the Python of Dagster's environment: the nightly job, in this process.

usage: python dagster_night.py FILE    the file of the definitions; prints JSON
"""

import json
import runpy
import sys

job = runpy.run_path(sys.argv[1])["DEFINITIONS"].resolve_job_def("repscore_nightly")
result = job.execute_in_process(raise_on_error=False)
json.dump(
    {
        "success": result.success,
        "metadata": {
            event.asset_key.to_user_string(): {
                name: value.value for name, value in event.materialization.metadata.items()
            }
            for event in result.get_asset_materialization_events()
        },
        "checks": [
            {"name": check.check_name, "passed": check.passed, "severity": check.severity.value}
            for check in result.get_asset_check_evaluations()
        ],
    },
    sys.stdout,
)
