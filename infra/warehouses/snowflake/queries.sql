-- Quality per exercise.
SELECT
    exercise,
    COUNT(DISTINCT video_id) AS videos,
    COUNT(*) AS repetitions,
    COUNT(score) AS scored,
    ROUND(AVG(score), 1) AS mean_score
FROM repscore.repetitions
GROUP BY exercise
ORDER BY repetitions DESC, exercise;

-- What was processed per week, and how much of it failed.
SELECT
    DATE_TRUNC('WEEK', processed_at) AS week,
    COUNT(*) AS inputs,
    SUM(CASE WHEN status = 'failed' THEN 1 ELSE 0 END) AS failed,
    ROUND(SUM(decoded_s) / 3600, 3) AS video_hours
FROM repscore.videos
WHERE duplicate_of IS NULL
GROUP BY DATE_TRUNC('WEEK', processed_at)
ORDER BY DATE_TRUNC('WEEK', processed_at);

-- Remarks that come up most.
SELECT
    repetitions.exercise,
    feedback.joint,
    feedback.quantity,
    COUNT(*) AS remarks
FROM repscore.feedback AS feedback
INNER JOIN repscore.repetitions AS repetitions
    ON
        feedback.video_id = repetitions.video_id
        AND feedback.repetition = repetitions.repetition
GROUP BY repetitions.exercise, feedback.joint, feedback.quantity
ORDER BY remarks DESC, repetitions.exercise, feedback.joint, feedback.quantity
LIMIT 10;
