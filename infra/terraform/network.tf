# Workers have no public address. They reach Google's services by private access, and nothing else:
# the image holds all that they need.
resource "google_compute_network" "this" {
  name                    = "repscore"
  auto_create_subnetworks = false
  depends_on              = [google_project_service.used]
}

resource "google_compute_subnetwork" "workers" {
  name                     = "repscore-workers"
  network                  = google_compute_network.this.id
  region                   = var.region
  ip_cidr_range            = "10.10.0.0/22"
  private_ip_google_access = true

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.1
  }
}

# Ports at which Dataflow's workers exchange data; Dataflow gives its machines the tag.
resource "google_compute_firewall" "workers" {
  name        = "repscore-workers"
  network     = google_compute_network.this.id
  direction   = "INGRESS"
  source_tags = ["dataflow"]
  target_tags = ["dataflow"]

  allow {
    protocol = "tcp"
    ports    = ["12345", "12346"]
  }
}
