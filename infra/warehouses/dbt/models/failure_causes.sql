SELECT
    stage,
    error_class,
    COALESCE(kind, 'unknown') AS kind,
    COUNT(*) AS failures,
    COUNT(DISTINCT uri) AS inputs,
    ROUND(
        COUNT(DISTINCT uri)
        / GREATEST((SELECT COUNT(*) FROM {{ source('repscore', 'videos') }}), 1), 3
    ) AS input_share,
    MAX(processed_at) AS last_at,
    ANY_VALUE(message) AS example
FROM {{ source('repscore', 'failures') }}
GROUP BY 1, 2, 3
ORDER BY 5 DESC, 1, 2, 3
