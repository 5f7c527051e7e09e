-- Trino: the Delta Lake connector of delta.properties. The tables are registered once.
CREATE SCHEMA IF NOT EXISTS delta.repscore;

CALL delta.system.register_table(
    schema_name => 'repscore',
    table_name => 'runs',
    table_location => 'gs://bucket/dataset/tables/runs'
);

CALL delta.system.register_table(
    schema_name => 'repscore',
    table_name => 'videos',
    table_location => 'gs://bucket/dataset/tables/videos'
);

CALL delta.system.register_table(
    schema_name => 'repscore',
    table_name => 'repetitions',
    table_location => 'gs://bucket/dataset/tables/repetitions'
);

CALL delta.system.register_table(
    schema_name => 'repscore',
    table_name => 'sets',
    table_location => 'gs://bucket/dataset/tables/sets'
);

CALL delta.system.register_table(
    schema_name => 'repscore',
    table_name => 'feedback',
    table_location => 'gs://bucket/dataset/tables/feedback'
);

CALL delta.system.register_table(
    schema_name => 'repscore',
    table_name => 'failures',
    table_location => 'gs://bucket/dataset/tables/failures'
);
