# What repscore needs in a project of Google Cloud for a nightly run (docs/operations.md).
#
#     cp example.tfvars terraform.tfvars    # and fill in
#     terraform init -backend-config=bucket=BUCKET_OF_THE_STATE
#     terraform apply
#
# No secret reaches the state: there is no key of a service account and no password. Programs act as
# service accounts that the machine, the scheduler or the connection holds.
terraform {
  required_version = ">= 1.9, < 2"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "6.50.0"
    }
  }
  backend "gcs" {
    prefix = "repscore"
  }
}

provider "google" {
  project               = var.project
  region                = var.region
  billing_project       = var.project
  user_project_override = true # the API of budgets asks which project pays
}

resource "google_project_service" "used" {
  for_each = toset([
    "artifactregistry.googleapis.com",
    "bigquery.googleapis.com",
    "bigqueryconnection.googleapis.com",
    "billingbudgets.googleapis.com",
    "cloudscheduler.googleapis.com",
    "compute.googleapis.com",
    "dataflow.googleapis.com",
    "iam.googleapis.com",
    "monitoring.googleapis.com",
    "storage.googleapis.com",
  ])
  service            = each.value
  disable_on_destroy = false # others may use them
}

data "google_project" "this" {
  depends_on = [google_project_service.used]
}
