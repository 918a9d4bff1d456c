{# Brands in what people write: what the marts of listening share. #}

{# The host of an address, lower case; empty where it is no address. #}
{% macro url_host(url) -%}
    {{ return(adapter.dispatch('url_host', 'community_pulse')(url)) }}
{%- endmacro %}

{% macro default__url_host(url) -%}
    regexp_extract(lower({{ url }}), '^[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#:]*)', 1)
{%- endmacro %}

{% macro spark__url_host(url) -%}
    regexp_extract(lower({{ url }}), '^[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#:]*)', 1)
{%- endmacro %}

{# Every month and community of the calendar, and all communities together, with every brand: the rows that the marts
   have, whatever was found. #}
{% macro brand_calendar(calendar, brands) -%}
    select
        calendar.*,
        brands.brand,
        brands.is_ours,
        -- Zero is a claim: it needs a day that was looked at, and for people somebody who can see who wrote.
        case when calendar.days_known_n > 0 then 0 end as nothing_seen,
        case when calendar.days_known_n > 0 and not calendar.is_without_authors then 0 end as nobody_seen
    from {{ calendar }} as calendar
    cross join {{ brands }} as brands
{%- endmacro %}

{# Caveats of a month and brand. #}
{% macro brand_caveat(conditions) -%}
    {{ caveats(merged([kind_caveats('days_{}_known_n'), {
        'authors_not_observed': 'authors_unobserved_n > 0',
        'incomplete': 'not is_period_complete',
    }, conditions])) }}
{%- endmacro %}

{# Bounds of a mean of votes between 0 and 1, from their sum and the sum of their squares: the variance of the votes
   themselves, with one vote for and one against added, so that all of one kind is not taken for certainty (Agresti, A.
   and Caffo, B. (2000), The American Statistician 54, 280-288). Nearly Wilson's where nobody splits. #}
{% macro votes_low(total, squares, n) -%}
    greatest(0.0, {{ _votes_bound(total, squares, n, '-') }})
{%- endmacro %}

{% macro votes_high(total, squares, n) -%}
    least(1.0, {{ _votes_bound(total, squares, n, '+') }})
{%- endmacro %}

{% macro _votes_bound(total, squares, n, sign) -%}
    {%- set mean = '((' ~ total ~ ' + 1) / (' ~ n ~ ' + 2))' -%}
    {{ mean }} {{ sign }} {{ z() }} * sqrt(
        greatest(0.0, ({{ squares }} + 1) / ({{ n }} + 2) - {{ mean }} * {{ mean }}) / ({{ n }} + 2)
    )
{%- endmacro %}

{# Whether a text holds a code as a word of its own, whatever the case; the code comes in lower case. Letters, digits and
   the underscore belong to words; what a code itself is made of does not matter. Few texts hold its letters at all, and
   a pattern that differs from row to row is dear. #}
{% macro holds_code(text, code_key) -%}
    {{ return(adapter.dispatch('holds_code', 'community_pulse')(text, code_key)) }}
{%- endmacro %}

{# DuckDB takes milliseconds to read a pattern with classes of letters, and reads one that differs from row to row for each
   row anew. So the code becomes a sign that no text holds, between two letters as it is of a word itself, and one pattern
   tells whether it stands alone. Only where it does not is the pattern of the code asked: codes that overlap themselves, as
   in tea-tea-tea, hide another one behind the first. #}
{% macro default__holds_code(text, code_key) -%}
    {%- set said = 'lower(' ~ text ~ ')' -%}
    case
        when strpos({{ said }}, {{ code_key }}) = 0 then false
        when regexp_matches(
            replace(replace({{ said }}, chr(1), ' '), {{ code_key }}, concat('x', chr(1), 'x')),
            '(^|[^\p{L}\p{N}_])x\x01x($|[^\p{L}\p{N}_])'
        ) then true
        else regexp_matches(
            {{ said }}, concat('(^|[^\p{L}\p{N}_])', regexp_escape({{ code_key }}), '($|[^\p{L}\p{N}_])')
        )
    end
{%- endmacro %}

{% macro spark__holds_code(text, code_key) -%}
    case
        when instr(lower({{ text }}), {{ code_key }}) > 0
            then lower({{ text }}) rlike concat('(^|[^\\p{L}\\p{N}_])\\Q', {{ code_key }}, '\\E($|[^\\p{L}\\p{N}_])')
        else false
    end
{%- endmacro %}
