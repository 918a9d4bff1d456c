{% set place = 'period, platform, community, channel' %}

with

-- A table of its own each time: a message that arrives late may join or part what was written on other days. Weeks are made
-- of messages as last observed, months of them as last observed by the month's end.
messages as (

    {% for period, relation in [
        ('week', ref('int_contributions_latest')), ('month', ref('int_contributions_at_month_end'))
    ] -%}
    select
        '{{ period }}' as period,
        platform,
        community,
        coalesce(channel, '') as channel,
        contribution_id,
        parent_id,
        contribution_date,
        created_at,
        author_key,
        author_role,
        is_by_contributor,
        source,
        is_repeat
    from {{ relation }}
    where kind = 'message' and {{ is_proven() }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- In order of time, ids deciding between equals, so that the order of arrival does not.
placed as (

    select
        *,
        lag(created_at) over (partition by {{ place }} order by created_at, contribution_id) as created_before_at,
        row_number() over (partition by {{ place }} order by created_at, contribution_id) as place
    from messages

),

-- A run is what follows each other in a channel without silence.
begun as (

    select
        *,
        case
            when {{ hours_between('created_before_at', 'created_at') }} * 60 <= {{ var('conversation_silence_min') }} then 0
            else 1
        end as is_beginning
    from placed

),

numbered as (

    select
        *,
        sum(is_beginning) over (
            partition by {{ place }} order by place rows between unbounded preceding and current row
        ) as run
    from begun

),

runs as (

    select
        *,
        first_value(contribution_id) over (
            partition by {{ place }}, run order by place rows between unbounded preceding and current row
        ) as run_opener_id
    from numbered

),

-- A message belongs where the one belongs that it answers, if that was written before in the same channel; else where the
-- first of its run does. So a reply moves itself alone, or its whole run where it breaks the silence.
links as (

    select
        runs.period,
        runs.platform,
        runs.community,
        runs.contribution_id,
        coalesce(answered.contribution_id, runs.run_opener_id) as ancestor_id
    from runs
    left join runs as answered
        on runs.period = answered.period
        and runs.platform = answered.platform
        and runs.community = answered.community
        and runs.channel = answered.channel
        and runs.parent_id = answered.contribution_id
        and answered.place < runs.place

)

select
    messages.period,
    messages.platform,
    messages.community,
    nullif(messages.channel, '') as channel,
    messages.contribution_id,
    resolved.conversation_id,
    resolved.conversation_id = messages.contribution_id as is_opener,
    messages.contribution_date,
    messages.created_at,
    messages.author_key,
    messages.author_role,
    messages.is_by_contributor,
    messages.source,
    messages.is_repeat
from messages
inner join ({{ conversations_of('links') }}) as resolved
    on messages.period = resolved.period
    and messages.platform = resolved.platform
    and messages.community = resolved.community
    and messages.contribution_id = resolved.contribution_id
