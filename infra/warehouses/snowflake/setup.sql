-- Snowflake: access to the dataset's bucket, and a catalog of Delta tables in it. The account that
-- DESCRIBE EXTERNAL VOLUME names needs to read and list the bucket.
CREATE EXTERNAL VOLUME IF NOT EXISTS repscore
STORAGE_LOCATIONS = (
    (
        NAME = 'dataset'
        STORAGE_PROVIDER = 'GCS'
        STORAGE_BASE_URL = 'gcs://bucket/dataset/tables/'
    )
)
ALLOW_WRITES = FALSE;

CREATE CATALOG INTEGRATION IF NOT EXISTS repscore
CATALOG_SOURCE = OBJECT_STORE
TABLE_FORMAT = DELTA
ENABLED = TRUE;
