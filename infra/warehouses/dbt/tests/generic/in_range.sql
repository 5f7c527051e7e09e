{% test in_range(model, column_name, least=none, most=none) %}
SELECT {{ column_name }}
FROM {{ model }}
WHERE
    ISNAN({{ column_name }})
    {% if least is not none %} OR {{ column_name }} < {{ least }} {% endif %}
    {% if most is not none %} OR {{ column_name }} > {{ most }} {% endif %}
{% endtest %}
