{# Words of texts: what steps between scoring and building made (plugins/pulse/words), which SQL only counts. #}

{# The first 15 hexadecimal digits of a hash as a number: what texts are called there, and a short name of a person
   within one model. NULL of NULL. #}
{% macro hash_number(hash) -%}
    {{ return(adapter.dispatch('hash_number', 'community_pulse')(hash)) }}
{%- endmacro %}

{% macro default__hash_number(hash) -%}
    try_cast('0x' || substring({{ hash }}, 1, 15) as bigint)
{%- endmacro %}

{% macro spark__hash_number(hash) -%}
    {#- conv() takes what is no number for 0 -#}
    case
        when substring({{ hash }}, 1, 15) rlike '^[0-9a-fA-F]+$' then cast(conv(substring({{ hash }}, 1, 15), 16, 10) as bigint)
    end
{%- endmacro %}

{# ---- how much more often --------------------------------------------------------------------------------------------- #}

{# Weighted log-odds ratio of a word with y1 of n1 against y2 of n2, and its variance, with an informative Dirichlet prior
   of `keyword_prior` words that fall as those of both together: Monroe, B. L., Colaresi, M. P. and Quinn, K. M. (2008),
   Political Analysis 16, 372-403, equations 16 and 20. y count authors, n are the sums of y over all words. #}
{% macro word_prior(y1, n1, y2, n2) -%}
    ({{ var('keyword_prior') }} * cast({{ y1 }} + {{ y2 }} as double) / ({{ n1 }} + {{ n2 }}))
{%- endmacro %}

{% macro log_odds_ratio(y1, n1, y2, n2) -%}
    (
        ln(({{ y1 }} + {{ word_prior(y1, n1, y2, n2) }})
            / ({{ n1 }} + {{ var('keyword_prior') }} - {{ y1 }} - {{ word_prior(y1, n1, y2, n2) }}))
        - ln(({{ y2 }} + {{ word_prior(y1, n1, y2, n2) }})
            / ({{ n2 }} + {{ var('keyword_prior') }} - {{ y2 }} - {{ word_prior(y1, n1, y2, n2) }}))
    )
{%- endmacro %}

{% macro log_odds_sd(y1, n1, y2, n2) -%}
    sqrt(1.0 / ({{ y1 }} + {{ word_prior(y1, n1, y2, n2) }}) + 1.0 / ({{ y2 }} + {{ word_prior(y1, n1, y2, n2) }}))
{%- endmacro %}

{# How many standard deviations a count of k or more of n lies out, when each falls here with probability p: the point z
   of which P(Z >= z) is P(X >= k) of the binomial distribution, good to three digits far into the tail. Peizer, D. B. and
   Pratt, J. W. (1968), Journal of the American Statistical Association 63, 1416-1456, formula 2.24a with the correction of
   .02. The ratio of two small counts is far from normal, and the variance above would hide a word that fifteen people use
   here and nobody elsewhere. k is from 1 to n, p within 0 and 1. Where k - 1/2 is what is to be expected, to a thousandth of
   a standard deviation, the root and what divides it are both near 0, and their limit stands for them: rounding alone made
   finds there. Written 1e0, for Spark would divide 1.0 by 3 to six digits. #}
{% macro binomial_z(k, n, p) -%}
    {%- set below = '(' ~ k ~ ' - 0.5)' -%}
    {%- set above = '(' ~ n ~ ' - ' ~ k ~ ' + 0.5)' -%}
    {%- set q = '(1.0 - ' ~ p ~ ')' -%}
    {%- set deviation = 'sqrt(' ~ n ~ ' * ' ~ p ~ ' * ' ~ q ~ ')' -%}
    (
        (
            {{ k }} - 1e0 / 3 - ({{ n }} + 1e0 / 3) * {{ p }}
            + 0.02 * ({{ q }} / {{ k }} - {{ p }} / ({{ n }} - {{ k }} + 1.0) + ({{ q }} - 0.5) / ({{ n }} + 1.0))
        )
        * case
            when abs({{ below }} - {{ n }} * {{ p }}) < 0.001 * {{ deviation }}
                then sqrt(1e0 / (1 + 1e0 / (6e0 * {{ n }}))) / {{ deviation }}
            else
                sqrt(
                    2e0 / (1 + 1e0 / (6e0 * {{ n }}))
                    * greatest(0.0, {{ below }} * ln({{ below }} / ({{ n }} * {{ p }}))
                        + {{ above }} * ln({{ above }} / ({{ n }} * {{ q }})))
                )
                / abs({{ below }} - {{ n }} * {{ p }})
        end
    )
{%- endmacro %}
