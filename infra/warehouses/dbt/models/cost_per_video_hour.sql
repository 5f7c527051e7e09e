WITH days AS (
    SELECT
        CAST(started_at AS DATE) AS day,
        command,
        COUNT(*) AS runs,
        SUM(wall_s) / 3600 AS run_hours,
        SUM(COALESCE(decoded_s, 0)) / 3600 AS video_hours
    FROM {{ source('repscore', 'runs') }}
    WHERE finished_at IS NOT NULL
    GROUP BY 1, 2
)

SELECT
    day,
    command,
    runs,
    ROUND(run_hours, 4) AS run_hours,
    ROUND(video_hours, 4) AS video_hours,
    ROUND(run_hours * {{ var('run_hour_price') }}, 4) AS cost,
    ROUND(run_hours * {{ var('run_hour_price') }} / NULLIF(video_hours, 0), 2)
        AS cost_per_video_hour
FROM days
ORDER BY 1, 2
