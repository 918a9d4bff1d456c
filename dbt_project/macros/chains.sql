{# How deep comments stand in their threads. A subquery of (platform, community, contribution_id, thread_id, levels,
   chain_start_date, chain_end_date, chain_seen_date) over the comments of `comments`, which has ancestor_id, one level
   up, in place of levels beyond 1: one row for each comment whose chain of parents reaches its thread.

   On DuckDB each round doubles how far a comment sees up its chain, so a thread of thousands of levels takes hardly longer
   than a thousand threads of a few. Spark copies a CTE wherever it is named, 4096 times here: its form goes down level by
   level. Level 4096 is deeper than any reader scrolls, and a circle of replies ends too. #}
{% macro comment_chains(comments) -%}
    {{ return(adapter.dispatch('comment_chains', 'community_pulse')(comments)) }}
{%- endmacro %}

{% macro default__comment_chains(comments) -%}
with

{# Where the level is known: an answer to the post itself, whether or not the post is in raw. -#}
{{ doubled(comments, is_placed='ancestor_id = thread_id', keys=['platform', 'community', 'thread_id'], carried={
    'levels': 'climbing.levels + ancestors.levels',
    'chain_start_date': 'least(climbing.chain_start_date, ancestors.chain_start_date)',
    'chain_end_date': 'greatest(climbing.chain_end_date, ancestors.chain_end_date)',
    'chain_seen_date': 'greatest(climbing.chain_seen_date, ancestors.chain_seen_date)',
}) }}

{% for round in range(chain_rounds() + 1) -%}
select * from placed_{{ round }}
{{ 'union all' if not loop.last }}
{% endfor %}
{%- endmacro %}

{% macro spark__comment_chains(comments) -%}
with recursive

chains (
    platform, community, contribution_id, thread_id, levels, chain_start_date, chain_end_date, chain_seen_date
) as (

    select platform, community, contribution_id, thread_id, levels, chain_start_date, chain_end_date, chain_seen_date
    from {{ comments }}
    where ancestor_id = thread_id

    union all

    select
        below.platform,
        below.community,
        below.contribution_id,
        below.thread_id,
        above.levels + 1,
        least(below.chain_start_date, above.chain_start_date),
        greatest(below.chain_end_date, above.chain_end_date),
        greatest(below.chain_seen_date, above.chain_seen_date)
    from chains as above
    inner join {{ comments }} as below
        on above.platform = below.platform
        and above.community = below.community
        and above.contribution_id = below.ancestor_id
        and above.thread_id = below.thread_id
    where below.ancestor_id <> below.thread_id and above.levels < 4096

)

select * from chains
{%- endmacro %}

{# Which conversation messages belong to. A subquery of (period, platform, community, contribution_id, conversation_id) over
   `links`, which has what each message follows on as ancestor_id; an opener follows on itself. As above; a message of a
   chain of more than 4096 answers begins anew. #}
{% macro conversations_of(links) -%}
    {{ return(adapter.dispatch('conversations_of', 'community_pulse')(links)) }}
{%- endmacro %}

{% macro default__conversations_of(links) -%}
with

{{ doubled(links, is_placed='ancestor_id = contribution_id', keys=['period', 'platform', 'community']) }}

{% for round in range(chain_rounds() + 1) -%}
select period, platform, community, contribution_id, ancestor_id as conversation_id from placed_{{ round }}
union all
{% endfor -%}
select period, platform, community, contribution_id, contribution_id as conversation_id from climbing_{{ chain_rounds() }}
{%- endmacro %}

{% macro spark__conversations_of(links) -%}
with recursive

chains (period, platform, community, contribution_id, conversation_id, levels) as (

    select period, platform, community, contribution_id, contribution_id, 0
    from {{ links }}
    where ancestor_id = contribution_id

    union all

    select below.period, below.platform, below.community, below.contribution_id, above.conversation_id, above.levels + 1
    from chains as above
    inner join {{ links }} as below
        on above.period = below.period
        and above.platform = below.platform
        and above.community = below.community
        and above.contribution_id = below.ancestor_id
    where below.ancestor_id <> below.contribution_id and above.levels < 4096

)

select
    links.period,
    links.platform,
    links.community,
    links.contribution_id,
    coalesce(chains.conversation_id, links.contribution_id) as conversation_id
from {{ links }} as links
left join chains
    on links.period = chains.period
    and links.platform = chains.platform
    and links.community = chains.community
    and links.contribution_id = chains.contribution_id
{%- endmacro %}

{# Rounds after which a chain of 4096 is climbed. #}
{% macro chain_rounds() -%}{{ return(12) }}{%- endmacro %}

{# The CTEs of climbing up chains by doubling: placed_0 to placed_12, of rows that have arrived, and climbing_12 of those that
   have not. Each row has contribution_id and ancestor_id, one level up, and `keys`, which both ends of a link share.

   is_placed: where a row stands at the top of its chain, before the first round; it does not, where that is not so.
   carried: other columns, each with what a row and its ancestor make of them. #}
{% macro doubled(rows, is_placed, keys, carried={}) -%}
{%- set columns = (keys + ['contribution_id', 'ancestor_id'] + carried.keys() | list) | join(', ') -%}
placed_0 as (

    select {{ columns }} from {{ rows }} where {{ is_placed }}

),

climbing_0 as (

    select {{ columns }} from {{ rows }} where not ({{ is_placed }})

),

{% for round in range(1, chain_rounds() + 1) %}
{%- for made in ['placed', 'climbing'] %}
{{ made }}_{{ round }} as (

    select
        {%- for key in keys %}
        climbing.{{ key }},
        {%- endfor %}
        climbing.contribution_id,
        ancestors.ancestor_id
        {%- for column, value in carried.items() %},
        {{ value }} as {{ column }}
        {%- endfor %}
    from climbing_{{ round - 1 }} as climbing
    inner join
    {%- if made == 'climbing' %} climbing_{{ round - 1 }}{% else %} (
        {%- for earlier in range(round) %}
        select * from placed_{{ earlier }}
        {{- ' union all' if not loop.last }}
        {%- endfor %}
    ){% endif %} as ancestors
        on {% for key in keys -%}
        climbing.{{ key }} = ancestors.{{ key }}
        and {% endfor -%}
        climbing.ancestor_id = ancestors.contribution_id

){{ ',' if not (made == 'climbing' and round == chain_rounds()) }}

{% endfor %}
{%- endfor %}
{%- endmacro %}
