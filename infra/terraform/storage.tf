# Uploads. Poses are estimated once per content, so older videos are seldom read again.
resource "google_storage_bucket" "videos" {
  name                        = "${var.project}-videos"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  lifecycle_rule {
    condition {
      age = 30
    }
    action {
      type          = "SetStorageClass"
      storage_class = "NEARLINE"
    }
  }
  lifecycle_rule {
    condition {
      age = 7
    }
    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }
  depends_on = [google_project_service.used]
}

# The dataset. No rule deletes by age: what rows need may be old. `repscore maintain` removes the rest.
resource "google_storage_bucket" "dataset" {
  name                        = "${var.project}-dataset"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  soft_delete_policy {
    retention_duration_seconds = 8 * 24 * 3600 # as long as the tables keep their history
  }
  lifecycle_rule {
    condition {
      age = 7
    }
    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }
  depends_on = [google_project_service.used]
}

# Dataflow's templates, and what it writes for itself.
resource "google_storage_bucket" "work" {
  name                        = "${var.project}-work"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  soft_delete_policy {
    retention_duration_seconds = 0
  }
  lifecycle_rule {
    condition {
      age            = 14
      matches_prefix = ["temp/"]
    }
    action {
      type = "Delete"
    }
  }
  depends_on = [google_project_service.used]
}

# The Flex Template: which image runs, with which parameters.
resource "google_storage_bucket_object" "template" {
  bucket       = google_storage_bucket.work.name
  name         = "templates/repscore.json"
  content_type = "application/json"
  content = jsonencode({
    image    = local.image
    sdkInfo  = { language = "PYTHON" }
    metadata = jsondecode(file("${path.module}/../dataflow/metadata.json"))
  })
}
