-- BigQuery: BigLake tables over the Delta tables of a dataset. BigQuery reads the schema, and later
-- changes of it, from Delta. Replace project, eu and bucket; the connection's service account needs
-- roles/storage.objectViewer on the bucket. infra/terraform makes the same.
CREATE SCHEMA IF NOT EXISTS repscore OPTIONS (location = 'eu');

CREATE EXTERNAL TABLE IF NOT EXISTS repscore.runs
WITH CONNECTION `project.eu.repscore`
OPTIONS (format = 'DELTA_LAKE', uris = ['gs://bucket/dataset/tables/runs']);

CREATE EXTERNAL TABLE IF NOT EXISTS repscore.videos
WITH CONNECTION `project.eu.repscore`
OPTIONS (format = 'DELTA_LAKE', uris = ['gs://bucket/dataset/tables/videos']);

CREATE EXTERNAL TABLE IF NOT EXISTS repscore.repetitions
WITH CONNECTION `project.eu.repscore`
OPTIONS (format = 'DELTA_LAKE', uris = ['gs://bucket/dataset/tables/repetitions']);

CREATE EXTERNAL TABLE IF NOT EXISTS repscore.sets
WITH CONNECTION `project.eu.repscore`
OPTIONS (format = 'DELTA_LAKE', uris = ['gs://bucket/dataset/tables/sets']);

CREATE EXTERNAL TABLE IF NOT EXISTS repscore.feedback
WITH CONNECTION `project.eu.repscore`
OPTIONS (format = 'DELTA_LAKE', uris = ['gs://bucket/dataset/tables/feedback']);

CREATE EXTERNAL TABLE IF NOT EXISTS repscore.failures
WITH CONNECTION `project.eu.repscore`
OPTIONS (format = 'DELTA_LAKE', uris = ['gs://bucket/dataset/tables/failures']);
