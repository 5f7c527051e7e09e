locals {
  image = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}/repscore:${var.image_tag}"
}

resource "google_artifact_registry_repository" "images" {
  repository_id = "repscore"
  location      = var.region
  format        = "DOCKER"
  description   = "Images of repscore"

  docker_config {
    immutable_tags = true
  }
  cleanup_policies {
    id     = "untagged"
    action = "DELETE"
    condition {
      tag_state  = "UNTAGGED"
      older_than = "604800s"
    }
  }
  cleanup_policies {
    id     = "old"
    action = "DELETE"
    condition {
      tag_state  = "ANY"
      older_than = "7776000s"
    }
  }
  cleanup_policies {
    id     = "latest"
    action = "KEEP" # counts more than DELETE
    most_recent_versions {
      keep_count = 5
    }
  }
  depends_on = [google_project_service.used]
}
