locals {
  archive = "gs://${google_storage_bucket.videos.name}"
  dataset = "gs://${google_storage_bucket.dataset.name}/dataset"
  work    = "gs://${google_storage_bucket.work.name}"
}

# Every night a job of the template. Dataflow refuses a second active job of the same name, so a long
# night is not overtaken by the next one.
resource "google_cloud_scheduler_job" "nightly" {
  name             = "repscore-nightly"
  region           = var.region
  description      = "repscore score ${local.archive} --output ${local.dataset}"
  schedule         = var.schedule
  time_zone        = "Etc/UTC"
  paused           = var.paused
  attempt_deadline = "180s"

  retry_config {
    retry_count          = 3
    min_backoff_duration = "60s"
  }
  http_target {
    http_method = "POST"
    uri         = "https://dataflow.googleapis.com/v1b3/projects/${var.project}/locations/${var.region}/flexTemplates:launch"
    headers     = { "Content-Type" = "application/json" }
    body = base64encode(jsonencode({
      launchParameter = {
        jobName              = "repscore-nightly"
        containerSpecGcsPath = "${local.work}/${google_storage_bucket_object.template.name}"
        parameters = {
          inputs              = local.archive
          output              = local.dataset
          sdk_container_image = local.image
          disk_size_gb        = "100"
          device              = "cpu"
          precision           = "f32" # the same poses on every type of processor
        }
        environment = {
          serviceAccountEmail = google_service_account.worker.email
          subnetwork          = "regions/${var.region}/subnetworks/${google_compute_subnetwork.workers.name}"
          ipConfiguration     = "WORKER_IP_PRIVATE"
          tempLocation        = "${local.work}/temp"
          stagingLocation     = "${local.work}/temp/staging"
          machineType         = var.machine_type
          numWorkers          = 1
          maxWorkers          = var.max_workers
        }
      }
    }))
    oauth_token {
      service_account_email = google_service_account.scheduler.email
    }
  }
}
