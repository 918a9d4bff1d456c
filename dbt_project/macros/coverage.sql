{# What was looked at. Stretches are parts of a UTC day, [looked_from, looked_to), of one community and kind; whatever
   decides "complete", "empty", "watched" or "known" reads them and nothing else. #}

{# Condition on contributions: figures leave out those of a day and kind that no source looked at. #}
{% macro is_proven() -%}
    not coalesce(is_unproven, false)
{%- endmacro %}

{# Subquery of those among the given communities' days and kinds of which some part was looked at. What is claimed of a
   community and of all together is joined apart: either way by columns that are equal, so that no community is held
   against the claims of each other. #}
{% macro looked_at_days(observed_days, coverage) -%}
    select distinct days.platform, days.community, days.contribution_date, days.kind
    from {{ observed_days }} as days
    left join (
        select distinct platform, community, contribution_date, kind from {{ coverage }}
        where looked_from is not null
    ) as of_community
        on days.platform = of_community.platform
        and days.community = of_community.community
        and days.contribution_date = of_community.contribution_date
        and days.kind = of_community.kind
    left join (
        select platform, contribution_date, kind, except_communities from {{ coverage }}
        where looked_from is not null and community = '*'
    ) as of_all
        on days.platform = of_all.platform
        and days.contribution_date = of_all.contribution_date
        and days.kind = of_all.kind
        and not {{ list_holds('of_all.except_communities', 'days.community') }}
    where of_community.kind is not null or of_all.kind is not null
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
    {{ return({'post': 'posts', 'comment': 'comments', 'message': 'messages'}) }}
{%- endmacro %}

{# Posts and comments make threads, and are read together or say that they were not; messages stand by themselves. Which of
   both a community has is seen from what was ever looked at there, up to the day or period in question: has_threads and
   has_messages. So a chat lacks no posts, and a subreddit no messages.

   `known` says for a kind, put in for {}, how much of it was looked at: 'days_{}_known_n'. `of` is the relation that has
   the two flags, with its dot. NULL of messages is none. #}

{# Condition: something of any kind was looked at. #}
{% macro is_any_kind_known(known) -%}
    ({% for name in counted_kinds().values() %}{{ known.format(name) }} > 0{{ ' or ' if not loop.last }}{% endfor %})
{%- endmacro %}

{# Condition: of every kind that the community has something was looked at, so that sums over kinds lack none. #}
{% macro are_all_kinds_known(known, of='') -%}
    (
        (
            ({{ known.format('posts') }} > 0 and {{ known.format('comments') }} > 0)
            or (
                {{ known.format('messages') }} > 0
                and {{ known.format('posts') }} = 0
                and {{ known.format('comments') }} = 0
                and not coalesce({{ of }}has_threads, false)
            )
        )
        and ({{ known.format('messages') }} > 0 or not coalesce({{ of }}has_messages, false))
    )
{%- endmacro %}

{# Sum over the kinds; one that was not looked at adds nothing. #}
{% macro sum_of_kinds(of='') -%}
    {% for name in counted_kinds().values() %}coalesce({{ of }}{{ name }}, 0){{ ' + ' if not loop.last }}{% endfor %}
{%- endmacro %}

{# Caveat codes of figures that lack a kind. #}
{% macro kind_caveats(known, of='') -%}
    {%- set posts, comments, messages = known.format('posts'), known.format('comments'), known.format('messages') -%}
    {%- set of_threads = '(' ~ messages ~ ' > 0 and ' ~ of ~ 'has_threads)' -%}
    {{ return({
        'comments_not_read': comments ~ ' = 0 and (' ~ posts ~ ' > 0 or ' ~ of_threads ~ ')',
        'posts_not_read': posts ~ ' = 0 and (' ~ comments ~ ' > 0 or ' ~ of_threads ~ ')',
        'messages_not_read': messages ~ ' = 0 and ' ~ of ~ 'has_messages and (' ~ posts ~ ' > 0 or ' ~ comments ~ ' > 0)',
    }) }}
{%- endmacro %}

{# All of several dictionaries. #}
{% macro merged(dictionaries) -%}
    {%- set all = {} -%}
    {%- for one in dictionaries -%}{%- do all.update(one) -%}{%- endfor -%}
    {{ return(all) }}
{%- endmacro %}

{# Condition: of all that was counted, nobody could see who wrote it. Then people are unknown, not zero. #}
{% macro is_without_authors(unobserved_n, contributions_n) -%}
    (coalesce({{ unobserved_n }}, 0) > 0 and {{ unobserved_n }} >= {{ contributions_n }})
{%- endmacro %}
