WITH weeks AS (
    SELECT
        CAST({{ week_of('videos') }} AS DATE) AS week,
        COALESCE(repetitions.exercise, 'unknown') AS exercise,
        COUNT(*) AS repetitions,
        AVG(repetitions.score) AS mean_score,
        AVG(repetitions.pose_coverage) AS pose_coverage
    FROM {{ source('repscore', 'repetitions') }} AS repetitions
    INNER JOIN {{ source('repscore', 'videos') }} AS videos ON repetitions.video_uri = videos.uri
    GROUP BY 1, 2
)

SELECT
    week,
    exercise,
    repetitions,
    ROUND(mean_score, 1) AS mean_score,
    ROUND(mean_score - LAG(mean_score) OVER (PARTITION BY exercise ORDER BY week), 1) AS change,
    ROUND(pose_coverage, 3) AS pose_coverage
FROM weeks
ORDER BY 1, 2
