# Two accounts: the workers read videos and write the dataset; the scheduler may start jobs, no more.
resource "google_service_account" "worker" {
  account_id   = "repscore-worker"
  display_name = "repscore on Dataflow's workers"
}

resource "google_service_account" "scheduler" {
  account_id   = "repscore-scheduler"
  display_name = "Starts repscore's nightly job"
}

resource "google_project_iam_member" "worker" {
  project = var.project
  role    = "roles/dataflow.worker"
  member  = google_service_account.worker.member
}

resource "google_project_iam_member" "scheduler" {
  project = var.project
  role    = "roles/dataflow.developer"
  member  = google_service_account.scheduler.member
}

# A job runs as the worker: who starts it must be allowed to use that account.
resource "google_service_account_iam_member" "scheduler_uses_worker" {
  service_account_id = google_service_account.worker.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.scheduler.member
}

resource "google_storage_bucket_iam_member" "worker" {
  for_each = {
    videos  = { bucket = google_storage_bucket.videos.name, role = "roles/storage.objectViewer" }
    dataset = { bucket = google_storage_bucket.dataset.name, role = "roles/storage.objectUser" }
    work    = { bucket = google_storage_bucket.work.name, role = "roles/storage.objectUser" }
  }
  bucket = each.value.bucket
  role   = each.value.role
  member = google_service_account.worker.member
}

resource "google_storage_bucket_iam_member" "scheduler_reads_template" {
  bucket = google_storage_bucket.work.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.scheduler.member
}

resource "google_artifact_registry_repository_iam_member" "worker" {
  repository = google_artifact_registry_repository.images.name
  location   = var.region
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.worker.member
}
