SELECT
    REGEXP_EXTRACT(videos.uri, '{{ var("person_pattern") }}', 1) AS person,
    CAST({{ week_of('videos') }} AS DATE) AS week,
    COALESCE(repetitions.exercise, 'unknown') AS exercise,
    COUNT(DISTINCT videos.video_id) AS videos,
    COUNT(*) AS repetitions,
    COUNT(repetitions.score) AS scored,
    ROUND(AVG(repetitions.score), 1) AS mean_score,
    ROUND(AVG(repetitions.range_of_motion_deg), 1) AS range_of_motion_deg,
    ROUND(SUM(repetitions.duration_s), 1) AS active_s
FROM {{ source('repscore', 'repetitions') }} AS repetitions
INNER JOIN {{ source('repscore', 'videos') }} AS videos ON repetitions.video_uri = videos.uri
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
