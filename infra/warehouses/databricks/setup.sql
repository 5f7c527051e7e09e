-- Databricks: the bucket as an external location, read only, so that nothing there upgrades the
-- protocol of the tables. The storage credential is made before, in the account's console.
CREATE EXTERNAL LOCATION IF NOT EXISTS repscore
URL 'gs://bucket/dataset'
WITH (STORAGE CREDENTIAL repscore);

GRANT READ FILES ON EXTERNAL LOCATION repscore TO `analysts`;
