-- ClickHouse: tables of the DeltaLake engine. The server's configuration has a named collection
-- `repscore` with url (https://storage.googleapis.com/bucket/ or that of an S3 bucket) and keys, so
-- that no key stands in SQL. On one machine deltaLakeLocal('/path/to/dataset/tables/runs') does.
CREATE DATABASE IF NOT EXISTS repscore;

CREATE TABLE IF NOT EXISTS repscore.runs
ENGINE = DeltaLake(repscore, filename = 'dataset/tables/runs');

CREATE TABLE IF NOT EXISTS repscore.videos
ENGINE = DeltaLake(repscore, filename = 'dataset/tables/videos');

CREATE TABLE IF NOT EXISTS repscore.repetitions
ENGINE = DeltaLake(repscore, filename = 'dataset/tables/repetitions');

CREATE TABLE IF NOT EXISTS repscore.sets
ENGINE = DeltaLake(repscore, filename = 'dataset/tables/sets');

CREATE TABLE IF NOT EXISTS repscore.feedback
ENGINE = DeltaLake(repscore, filename = 'dataset/tables/feedback');

CREATE TABLE IF NOT EXISTS repscore.failures
ENGINE = DeltaLake(repscore, filename = 'dataset/tables/failures');
