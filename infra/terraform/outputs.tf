output "archive" {
  description = "Where videos are uploaded"
  value       = local.archive
}

output "dataset" {
  description = "Where repscore writes"
  value       = local.dataset
}

output "image" {
  description = "Name under which infra/dataflow/build.sh pushes the image"
  value       = local.image
}

output "template" {
  description = "File of the Flex Template"
  value       = "${local.work}/${google_storage_bucket_object.template.name}"
}

output "run_settings" {
  description = "Environment of infra/dataflow/run.sh, for a run by hand"
  value = {
    REGION          = var.region
    SERVICE_ACCOUNT = google_service_account.worker.email
    SUBNETWORK      = "regions/${var.region}/subnetworks/${google_compute_subnetwork.workers.name}"
    TEMP            = "${local.work}/temp"
  }
}
