{# How unit tests are run: as dbt's own macros do, in other words. Those call four macros for each column of each row and
   ask for the types of columns through a table made for it, which took two thirds of all unit tests. #}

{% materialization unit, adapter='duckdb' %}
    {%- set types = column_types(adapter.get_column_schema_from_query(sql)) -%}
    {%- set rows = config.get('expected_rows') -%}
    {%- set names = rows[0].keys() | map('lower') | list if rows else types.keys() | list -%}
    {%- set quoted = dict(zip(types.keys(), quoted_names(types))) -%}
    {%- set expected = config.get('expected_sql') or get_expected_sql(rows, types, quoted) -%}
    {% call statement('main', fetch_result=True) %}
        {{ get_unit_test_sql(sql, expected, names | map('quoted_as', quoted) | list) }}
    {% endcall %}
    {{ return({'relations': []}) }}
{% endmaterialization %}
