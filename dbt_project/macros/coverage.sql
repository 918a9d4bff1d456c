{# What was looked at. Stretches are parts of a UTC day, [looked_from, looked_to), of one community and kind; whatever
   decides "complete", "empty", "watched" or "known" reads them and nothing else. #}

{# Condition on contributions: figures leave out those of a day and kind that no source looked at. #}
{% macro is_proven() -%}
    not coalesce(is_unproven, false)
{%- endmacro %}

{# Subquery of those among the given communities' days and kinds of which some part was looked at. #}
{% macro looked_at_days(observed_days, coverage) -%}
    select distinct days.platform, days.community, days.contribution_date, days.kind
    from {{ observed_days }} as days
    inner join {{ coverage }} as claims
        on days.platform = claims.platform
        and days.contribution_date = claims.contribution_date
        and days.kind = claims.kind
    where claims.looked_from is not null
        and (
            days.community = claims.community
            or (claims.community = '*' and not {{ list_holds('claims.except_communities', 'days.community') }})
        )
{%- endmacro %}

{# Subquery of stretches without overlap: those that touch or overlap become one. The keys say whose they are; the best
   proof of what was joined counts. #}
{% macro merged_stretches(relation, keys) -%}
    select
        {{ keys | join(',\n        ') }},
        min(looked_from) as looked_from,
        max(looked_to) as looked_to,
        min(proof_rank) as proof_rank
    from (
        select
            *,
            sum(is_beginning) over (
                partition by {{ keys | join(', ') }} order by looked_from, looked_to
                rows between unbounded preceding and current row
            ) as island
        from (
            select
                *,
                case
                    when looked_from <= max(looked_to) over (
                        partition by {{ keys | join(', ') }} order by looked_from, looked_to
                        rows between unbounded preceding and 1 preceding
                    ) then 0
                    else 1
                end as is_beginning
            from {{ relation }}
        ) as ordered
    ) as numbered
    group by {{ keys | join(', ') }}, island
{%- endmacro %}

{# Proofs from the strongest on: what the platform itself listed, what a person vouches for, what records suggest. #}
{% macro proof_rank(proof) -%}
    case {{ proof }} when 'listed' then 1 when 'declared' then 2 when 'spanned' then 3 else 4 end
{%- endmacro %}

{% macro proof_of_rank(rank) -%}
    case {{ rank }} when 1 then 'listed' when 2 then 'declared' when 3 then 'spanned' else 'none' end
{%- endmacro %}

{# The kinds that marts count, with the name of their columns. #}
{% macro counted_kinds() -%}
    {{ return({'post': 'posts', 'comment': 'comments'}) }}
{%- endmacro %}

{# Caveat codes of figures that lack a kind, given how much of each kind was looked at. #}
{% macro kind_caveats(posts_known, comments_known) -%}
    {{ return({
        'comments_not_read': posts_known ~ ' > 0 and ' ~ comments_known ~ ' = 0',
        'posts_not_read': comments_known ~ ' > 0 and ' ~ posts_known ~ ' = 0',
    }) }}
{%- endmacro %}

{# All of several dictionaries. #}
{% macro merged(dictionaries) -%}
    {%- set all = {} -%}
    {%- for one in dictionaries -%}{%- do all.update(one) -%}{%- endfor -%}
    {{ return(all) }}
{%- endmacro %}
