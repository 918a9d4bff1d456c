{# Order among observations of one contribution at the same time, first come first served: two sources, or a load that
   was released under another id. A removal wins, for text that was taken back must not return; then the load's id
   decides, so that the order of arrival does not. #}
{% macro precedence_at_same_time() -%}
    is_removed desc, load_id
{%- endmacro %}
