"""A wrong field in the Terraform files fails a check; the nightly job has parameters that exist."""

import json
import re
from pathlib import Path

import pytest
from infra_copies import broken

from infra import check

ARGUMENTS = "google-provider arguments"


@pytest.mark.parametrize(
    ("file", "old", "new", "checker", "message"),
    [
        ("registry.tf", '"DOCKER"', '  "DOCKER"', "terraform fmt", "registry.tf"),
        ("example.tfvars", "= 500", "=500", "terraform fmt", "example.tfvars"),
        ("storage.tf", "matches_prefix", "match_prefix", ARGUMENTS, "no argument 'match_prefix'"),
        ("storage.tf", "condition {", "conditions {", ARGUMENTS, "'condition' is missing"),
        ("schedule.tf", "= 3\n", '= "often"\n', ARGUMENTS, "'retry_count' is \"often\""),
        ("budget.tf", "google_billing_budget", "google_budget", ARGUMENTS, "no such resource"),
        ("versions.tf", '"6.50.0"', '"6.49.0"', ARGUMENTS, "versions.tf pins ['6.49.0']"),
        ("outputs.tf", "local.archive", "var.archive", ARGUMENTS, "var.archive is not declared"),
        ("accounts.tf", "worker.member", "worker.mail", ARGUMENTS, "has no attribute 'mail'"),
        ("variables.tf", "type        = number", "", "tflint", "terraform_typed_variables"),
        ("network.tf", "private_ip_google_access = true", "", "checkov", "CKV_GCP_74"),
        ("storage.tf", '"enforced"', '"inherited"', "checkov", "CKV_GCP_114"),
    ],
)
def test_a_wrong_field_fails(
    tmp_path: Path, file: str, old: str, new: str, checker: str, message: str
) -> None:
    assert message in broken(tmp_path, f"terraform/{file}", old, new, checker=checker)


def test_the_nightly_job_has_parameters_of_the_template() -> None:
    schedule = (check.HERE / "terraform" / "schedule.tf").read_text()
    block = re.search(r"parameters = \{(.*?)\n\s*\}", schedule, re.DOTALL)
    assert block is not None
    given = re.findall(r"(?m)^\s*(\w+)\s*=", block[1])
    metadata = json.loads((check.HERE / "dataflow" / "metadata.json").read_text())["parameters"]

    assert set(given) <= {each["name"] for each in metadata}
    assert {each["name"] for each in metadata if not each.get("isOptional")} <= set(given)
