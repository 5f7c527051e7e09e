-- DuckDB: views over the Delta tables, after setup.sql. A folder does as well as a URL.
CREATE SCHEMA IF NOT EXISTS repscore;

CREATE OR REPLACE VIEW repscore.runs AS
SELECT * FROM delta_scan('gs://bucket/dataset/tables/runs');

CREATE OR REPLACE VIEW repscore.videos AS
SELECT * FROM delta_scan('gs://bucket/dataset/tables/videos');

CREATE OR REPLACE VIEW repscore.repetitions AS
SELECT * FROM delta_scan('gs://bucket/dataset/tables/repetitions');

CREATE OR REPLACE VIEW repscore.sets AS
SELECT * FROM delta_scan('gs://bucket/dataset/tables/sets');

CREATE OR REPLACE VIEW repscore.feedback AS
SELECT * FROM delta_scan('gs://bucket/dataset/tables/feedback');

CREATE OR REPLACE VIEW repscore.failures AS
SELECT * FROM delta_scan('gs://bucket/dataset/tables/failures');
