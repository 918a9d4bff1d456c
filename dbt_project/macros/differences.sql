{# Bounds of the difference between two shares, k of n minus other_k of other_n, from the Wilson bounds of both:
   Newcombe, R. G. (1998), Statistics in Medicine 17, 873-890, method 10. NULL where either share is. #}

{% macro share_difference(k, n, other_k, other_n) -%}
    ({{ share(k, n) }} - {{ share(other_k, other_n) }})
{%- endmacro %}

{% macro share_difference_low(k, n, other_k, other_n) -%}
    {{ share_difference(k, n, other_k, other_n) }} - {{ _distance(
        share(k, n), wilson_low(k, n), share(other_k, other_n), wilson_high(other_k, other_n)
    ) }}
{%- endmacro %}

{% macro share_difference_high(k, n, other_k, other_n) -%}
    {{ share_difference(k, n, other_k, other_n) }} + {{ _distance(
        share(k, n), wilson_high(k, n), share(other_k, other_n), wilson_low(other_k, other_n)
    ) }}
{%- endmacro %}

{% macro _distance(share, bound, other_share, other_bound) -%}
    sqrt(
        ({{ share }} - {{ bound }}) * ({{ share }} - {{ bound }})
        + ({{ other_share }} - {{ other_bound }}) * ({{ other_share }} - {{ other_bound }})
    )
{%- endmacro %}
