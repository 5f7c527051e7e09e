{# The week that a video was recorded in; where nobody knows, that it arrived or was scored in. #}
{% macro week_of(video) -%}
    DATE_TRUNC(
        'week', COALESCE({{ video }}.recorded_at, {{ video }}.arrived_at, {{ video }}.processed_at)
    )
{%- endmacro %}
