# BigQuery reads the Delta tables where they are, as the account of a connection. Who queries needs a
# role on the BigQuery dataset and none on the bucket.
resource "google_bigquery_connection" "lake" {
  connection_id = "repscore"
  location      = var.region
  cloud_resource {}
  depends_on = [google_project_service.used]
}

resource "google_storage_bucket_iam_member" "lake" {
  bucket = google_storage_bucket.dataset.name
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${google_bigquery_connection.lake.cloud_resource[0].service_account_id}"
}

resource "google_bigquery_dataset" "repscore" {
  dataset_id    = "repscore"
  location      = var.region
  description   = "Tables of ${local.dataset}"
  friendly_name = "repscore"
  depends_on    = [google_project_service.used]
}

resource "google_bigquery_table" "delta" {
  for_each            = toset(var.warehouse_tables ? ["runs", "videos", "repetitions", "sets", "feedback", "failures"] : [])
  dataset_id          = google_bigquery_dataset.repscore.dataset_id
  table_id            = each.value
  deletion_protection = false # the rows are in the bucket

  external_data_configuration {
    source_format = "DELTA_LAKE"
    source_uris   = ["${local.dataset}/tables/${each.value}"]
    connection_id = google_bigquery_connection.lake.name
    autodetect    = true
  }
  depends_on = [google_storage_bucket_iam_member.lake]
}
