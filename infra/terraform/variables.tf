variable "project" {
  description = "Project in which everything is made"
  type        = string
}

variable "region" {
  description = "Region of buckets, machines and tables"
  type        = string
  default     = "europe-west4"
}

variable "billing_account" {
  description = "Billing account that pays for the project, as XXXXXX-XXXXXX-XXXXXX"
  type        = string
}

variable "monthly_budget" {
  description = "Amount per month, in the currency of the billing account, at which mails are sent"
  type        = number
}

variable "alert_email" {
  description = "Address that gets a mail when half of the budget, all of it, or a forecast beyond it is reached"
  type        = string
}

variable "image_tag" {
  description = "Tag of repscore's image in the registry; infra/container builds it"
  type        = string
  default     = "0.1.0"
}

variable "schedule" {
  description = "When the nightly run starts, as a cron line in UTC"
  type        = string
  default     = "0 2 * * *"
}

variable "paused" {
  description = "Whether the nightly run waits; true until the image is in the registry"
  type        = bool
  default     = true
}

variable "machine_type" {
  description = "Machine type of the Dataflow workers"
  type        = string
  default     = "n2-standard-8"
}

variable "max_workers" {
  description = "Most Dataflow workers at a time"
  type        = number
  default     = 10

  validation {
    condition     = var.max_workers >= 1
    error_message = "At least one worker is needed."
  }
}

variable "warehouse_tables" {
  description = "Whether BigQuery gets the tables; true after the first run, which makes the Delta tables that it reads"
  type        = bool
  default     = false
}
