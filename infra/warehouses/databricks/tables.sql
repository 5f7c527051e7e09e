-- Databricks: external tables, after setup.sql. Delta holds the schema.
CREATE SCHEMA IF NOT EXISTS repscore;

CREATE TABLE IF NOT EXISTS repscore.runs
USING DELTA
LOCATION 'gs://bucket/dataset/tables/runs';

CREATE TABLE IF NOT EXISTS repscore.videos
USING DELTA
LOCATION 'gs://bucket/dataset/tables/videos';

CREATE TABLE IF NOT EXISTS repscore.repetitions
USING DELTA
LOCATION 'gs://bucket/dataset/tables/repetitions';

CREATE TABLE IF NOT EXISTS repscore.sets
USING DELTA
LOCATION 'gs://bucket/dataset/tables/sets';

CREATE TABLE IF NOT EXISTS repscore.feedback
USING DELTA
LOCATION 'gs://bucket/dataset/tables/feedback';

CREATE TABLE IF NOT EXISTS repscore.failures
USING DELTA
LOCATION 'gs://bucket/dataset/tables/failures';
