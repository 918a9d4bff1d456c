{# Fails with the keys that stand more than once. With a date column, a partial build looks only for keys that stand on
   the dates it built; what was there before was looked at then. #}
{% test unique_key(model, columns, date_column=none) %}
with

candidates as (

    select * from {{ model }}
    {%- if date_column and var('affected_dates') is not none %}
    where ({{ columns | join(', ') }}) in (
        select {{ columns | join(', ') }} from {{ model }} where {{ date_column }} in {{ affected_list() }}
    )
    {%- endif %}

)

select {{ columns | join(', ') }}, count(*) as rows_n
from candidates
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
