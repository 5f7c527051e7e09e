{% test unique_key(model, columns) %}
SELECT {{ columns | join(', ') }}
FROM {{ model }}
GROUP BY ALL
HAVING COUNT(*) > 1
{% endtest %}
