-- Snowflake: Iceberg tables over the Delta tables, after setup.sql.
-- AUTO_REFRESH follows the commits.
CREATE SCHEMA IF NOT EXISTS repscore;

CREATE ICEBERG TABLE IF NOT EXISTS repscore.runs
EXTERNAL_VOLUME = 'repscore'
CATALOG = 'repscore'
BASE_LOCATION = 'runs'
AUTO_REFRESH = TRUE;

CREATE ICEBERG TABLE IF NOT EXISTS repscore.videos
EXTERNAL_VOLUME = 'repscore'
CATALOG = 'repscore'
BASE_LOCATION = 'videos'
AUTO_REFRESH = TRUE;

CREATE ICEBERG TABLE IF NOT EXISTS repscore.repetitions
EXTERNAL_VOLUME = 'repscore'
CATALOG = 'repscore'
BASE_LOCATION = 'repetitions'
AUTO_REFRESH = TRUE;

CREATE ICEBERG TABLE IF NOT EXISTS repscore.sets
EXTERNAL_VOLUME = 'repscore'
CATALOG = 'repscore'
BASE_LOCATION = 'sets'
AUTO_REFRESH = TRUE;

CREATE ICEBERG TABLE IF NOT EXISTS repscore.feedback
EXTERNAL_VOLUME = 'repscore'
CATALOG = 'repscore'
BASE_LOCATION = 'feedback'
AUTO_REFRESH = TRUE;

CREATE ICEBERG TABLE IF NOT EXISTS repscore.failures
EXTERNAL_VOLUME = 'repscore'
CATALOG = 'repscore'
BASE_LOCATION = 'failures'
AUTO_REFRESH = TRUE;
