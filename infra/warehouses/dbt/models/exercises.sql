SELECT
    COALESCE(exercise, 'unknown') AS exercise,
    COUNT(DISTINCT video_id) AS videos,
    COUNT(*) AS repetitions,
    ROUND(COUNT(score) / COUNT(*), 3) AS scored_share,
    ROUND(AVG(score), 1) AS mean_score,
    ROUND(STDDEV_SAMP(score), 1) AS score_deviation,
    ROUND(AVG(duration_s), 2) AS mean_duration_s,
    ROUND(AVG(symmetry), 3) AS mean_symmetry
FROM {{ source('repscore', 'repetitions') }}
GROUP BY 1
ORDER BY 3 DESC, 1
