{% set key = ['period', 'platform', 'community', 'period_start_date'] %}

with

messages as (

    select * from {{ ref('int_chat_conversations') }}

),

-- What was looked at of a community's messages in the period. Where it stops, the watch over the openers before it ends;
-- nor do later periods prolong it.
stretches as (

    {% for period in ('week', 'month') -%}
    select
        '{{ period }}' as period,
        {{ period_start(period, 'contribution_date') }} as period_start_date,
        platform,
        community,
        looked_from,
        looked_to,
        proof_rank
    from {{ ref('int_coverage_stretches') }}
    where kind = 'message'
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

watches as (

    {{ merged_stretches('stretches', ['period', 'period_start_date', 'platform', 'community']) }}

),

dated as (

    select
        *,
        case period
            when 'week' then {{ period_start('week', 'contribution_date') }}
            else {{ period_start('month', 'contribution_date') }}
        end as period_start_date
    from messages

),

openers as (

    select * from dated where is_opener

),

-- Accounts that are gone are one nobody: beside an opener whose author is still there they are somebody else.
answers_by_others as (

    select
        openers.period,
        openers.platform,
        openers.community,
        openers.conversation_id,
        min(others.created_at) as first_response_at
    from openers
    inner join dated as others
        on openers.period = others.period
        and openers.platform = others.platform
        and openers.community = others.community
        and openers.conversation_id = others.conversation_id
        and openers.period_start_date = others.period_start_date
    where not others.is_opener
        and others.author_role <> 'bot'
        and coalesce(others.author_key, '') <> coalesce(openers.author_key, '')
    group by openers.period, openers.platform, openers.community, openers.conversation_id

),

watched as (

    select
        openers.period,
        openers.platform,
        openers.community,
        openers.period_start_date,
        openers.is_by_contributor,
        openers.is_repeat,
        answers_by_others.first_response_at is not null as is_answered,
        -- An answer seen after a gap need not be the first.
        case
            when answers_by_others.first_response_at < watches.looked_to
                then {{ hours_between('openers.created_at', 'answers_by_others.first_response_at') }}
        end as first_response_h,
        {{ hours_between('openers.created_at', 'watches.looked_to') }} as watched_h
    from openers
    left join answers_by_others
        on openers.period = answers_by_others.period
        and openers.platform = answers_by_others.platform
        and openers.community = answers_by_others.community
        and openers.conversation_id = answers_by_others.conversation_id
    left join watches
        on openers.period = watches.period
        and openers.period_start_date = watches.period_start_date
        and openers.platform = watches.platform
        and openers.community = watches.community
        and openers.created_at >= watches.looked_from
        and openers.created_at < watches.looked_to

),

-- A month also has a row of all communities together, where a conversation counts once.
scopes as (

    select
        period,
        platform,
        community,
        period_start_date,
        is_by_contributor,
        is_answered,
        first_response_h,
        watched_h
    from watched
    union all
    select
        period,
        '*' as platform,
        '*' as community,
        period_start_date,
        is_by_contributor,
        is_answered,
        first_response_h,
        watched_h
    from watched
    where period = 'month' and {{ is_counted_once() }}

),

totals as (

    select
        {{ key | join(', ') }},
        count(*) as chat_conversations,
        count(case when is_answered then 1 end) as chat_conversations_answered
    from scopes
    group by {{ key | join(', ') }}

),

waits as (

    select
        {{ key | join(', ') }},
        first_response_h,
        watched_h,
        coalesce(first_response_h, watched_h) as wait_h
    from scopes
    where is_by_contributor and watched_h is not null

),

{{ response_figures(key) }}

select
    totals.period,
    totals.platform,
    totals.community,
    totals.period_start_date,
    totals.chat_conversations,
    totals.chat_conversations_answered,
    {{ response_columns('chat_') | trim }}
from totals
{%- for other in ['answers', 'quantiles'] %}
left join {{ other }}
    on totals.period = {{ other }}.period
    and totals.platform = {{ other }}.platform
    and totals.community = {{ other }}.community
    and totals.period_start_date = {{ other }}.period_start_date
{%- endfor %}
