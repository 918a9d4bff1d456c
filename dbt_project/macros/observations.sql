{# Order among observations of one contribution at the same time, first come first served: two sources, or a load that
   was released under another id. A removal wins, for text that was taken back must not return; then the load's id
   decides, so that the order of arrival does not. #}
{% macro precedence_at_same_time() -%}
    is_removed desc, load_id
{%- endmacro %}

{# Median real age, in hours, of the observations that the platform's own reply counts are taken from; a column of a group
   of contributions. #}
{% macro median_reply_age_h(condition='true') -%}
    percentile_cont(0.5) within group (order by
        case
            when {{ condition }} and reply_count is not null
                then {{ hours_between('created_at', 'last_observed_at') }}
        end
    )
{%- endmacro %}
