{# What is clear when many things are compared at once: of a thousand comparisons of equals fifty lie outside their 95 %.
   Benjamini, Y. and Hochberg, Y. (1995), Journal of the Royal Statistical Society B 57, 289-300: what is called clear is
   chance in at most the share `chance_share` of the cases, and of a family without any difference nothing is called
   clear in 1 - chance_share of all families. #}

{# Share of the normal distribution above a point, good to 1.2e-7 of itself however far out: Press, W. H. et al. (1992),
   Numerical Recipes in C, 6.2, erfcc. #}
{% macro upper_tail(z) -%}
    case
        when {{ z }} >= 0 then {{ _upper_tail_of_positive('(' ~ z ~ ')') }}
        else 1 - {{ _upper_tail_of_positive('(-(' ~ z ~ '))') }}
    end
{%- endmacro %}

{% macro _upper_tail_of_positive(z) -%}
    {%- set x = '(' ~ z ~ ' / sqrt(2.0))' -%}
    {%- set t = '(1.0 / (1.0 + 0.5 * ' ~ x ~ '))' -%}
    {%- set terms = [
        -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
    ] -%}
    {%- set series = namespace(sql='0.17087277') -%}
    {%- for term in terms | reverse -%}
        {%- set series.sql = '(' ~ term ~ ' + ' ~ t ~ ' * ' ~ series.sql ~ ')' -%}
    {%- endfor -%}
    (0.5 * {{ t }} * exp(-{{ x }} * {{ x }} + {{ series.sql }}))
{%- endmacro %}

{# The normal point as far out as `t` is in Student's distribution. Wallace, D. L. (1959), Annals of Mathematical
   Statistics 30, 1121-1130. #}
{% macro normal_of_student(t, degrees) -%}
    (
        sign({{ t }}) * (8e0 * {{ degrees }} + 1) / (8e0 * {{ degrees }} + 3)
        * sqrt({{ degrees }} * ln(1 + {{ t }} * {{ t }} / {{ degrees }}))
    )
{%- endmacro %}

{# The normal point above which as much lies as a Poisson count of mean `mean` has at `count` or more, for counts of 1 and
   more: Wilson, E. B. and Hilferty, M. M. (1931), Proceedings of the National Academy of Sciences 17, 684-688. #}
{% macro normal_of_poisson(count, mean) -%}
    (
        (1 - 1e0 / (9e0 * {{ count }}) - power({{ mean }} / {{ count }}, 1e0 / 3)) * 3 * sqrt({{ count }})
    )
{%- endmacro %}

{# Subquery: the rows of a relation with is_clear, by its column p_value within each family. `family_n` is how many
   comparisons a family has, those without a row included; NULL of p_value is no comparison and not clear. The order
   decides between equals, so that the order of rows does not. Another share of chance may be asked for. #}
{% macro clear_rows(
    relation, family, order, family_n='count(p_value) over (partition by {family})', chance_share=none
) -%}
    {%- set partition = 'partition by ' ~ (family | join(', ')) -%}
    select
        *,
        coalesce(p_place <= max(
            case when p_value <= {{ chance_share or var('chance_share') }} * p_place / family_n then p_place end
        ) over ({{ partition }}), false) as is_clear
    from (
        select
            *,
            case when p_value is not null then row_number() over (
                {{ partition }} order by case when p_value is null then 1 else 0 end, p_value, {{ order | join(', ') }}
            ) end as p_place,
            {{ family_n.replace('{family}', family | join(', ')) }} as family_n
        from {{ relation }}
    ) as placed
{%- endmacro %}
