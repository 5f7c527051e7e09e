-- DuckDB: its delta extension, a download, and the credentials of the environment for a bucket.
INSTALL delta;
LOAD delta;
CREATE SECRET IF NOT EXISTS repscore (TYPE GCS, PROVIDER CREDENTIAL_CHAIN);
