{# What to do: what the rules of fct_actions_monthly share. #}

{# The rules in the order in which equally strong ones are told; docs/metrics.md says each of them. #}
{% macro action_rules() -%}
    {{ return([
        'answer_unanswered', 'mood_turned', 'promotion_badly_taken', 'need_grew', 'thank_advocate', 'topic_rose',
        'post_this_kind', 'join_community',
    ]) }}
{%- endmacro %}

{# Up to five ids of a group, joined by blanks, by their column place. NULL without any. #}
{% macro evidence_ids() -%}
    nullif(concat_ws(
        ' '{% for place in range(1, 6) %}, max(case when place = {{ place }} then contribution_id end){% endfor %}
    ), '')
{%- endmacro %}
