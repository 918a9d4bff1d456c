{# Which persons may be seen in what is published. Models that show persons have the tag `persons`, and take each key of a
   person through here: NULL where the terms of its platform let nobody be ranked, and where nobody knows them. Models
   below marts keep all keys, so that counts of people are the same whatever the terms are. #}
{% macro shown_person(key, platforms) -%}
    case when {{ platforms }}.may_rank_persons then {{ key }} end
{%- endmacro %}

{# Condition on rows that tell of persons. #}
{% macro may_rank_persons(column='platform') -%}
    {{ column }} in (select platform from {{ ref('dim_platforms') }} where may_rank_persons)
{%- endmacro %}
