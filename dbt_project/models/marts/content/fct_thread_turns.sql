{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_periods('month', 'month_start_date') }}",
) }}

{%- set least_side = var('thread_turn_min_side') %}

with

contributions as (

    select
        platform,
        community,
        month_start_date,
        thread_id,
        contribution_id,
        kind,
        created_at,
        author_key,
        case sentiment_label when 'positive' then 1 when 'negative' then -1 else 0 end as voice
    from {{ ref('int_contributions_at_month_end') }}
    where is_by_contributor
        and kind <> 'message'
        and sentiment_label is not null
        and {{ is_proven() }}
        and {{ is_period_affected('month', 'month_start_date') }}

),

long_threads as (

    select
        platform,
        community,
        month_start_date,
        thread_id
    from contributions
    group by platform, community, month_start_date, thread_id
    having count(*) >= {{ var('thread_turn_min_people') }}

),

posts as (

    select
        platform,
        community,
        month_start_date,
        contribution_id as thread_id,
        contribution_date
    from {{ ref('int_contributions_at_month_end') }}
    where kind = 'post' and {{ is_proven() }} and {{ is_period_affected('month', 'month_start_date') }}

),

-- One voice a person, the first they raise: two who quarrel to the end do not turn a thread.
first_words as (

    select
        contributions.*,
        posts.contribution_date,
        row_number() over (
            partition by contributions.platform, contributions.community, contributions.thread_id, contributions.author_key
            order by contributions.created_at, contributions.contribution_id
        ) as place_of_person
    from contributions
    inner join long_threads
        on contributions.platform = long_threads.platform
        and contributions.community = long_threads.community
        and contributions.month_start_date = long_threads.month_start_date
        and contributions.thread_id = long_threads.thread_id
    inner join posts
        on contributions.platform = posts.platform
        and contributions.community = posts.community
        and contributions.month_start_date = posts.month_start_date
        and contributions.thread_id = posts.thread_id

),

-- Whole numbers throughout, so that the order of rows cannot show.
voices as (

    select
        platform,
        community,
        month_start_date,
        thread_id,
        contribution_date,
        contribution_id,
        created_at,
        row_number() over (
            partition by platform, community, thread_id order by created_at, contribution_id
        ) as place,
        sum(voice) over (
            partition by platform, community, thread_id order by created_at, contribution_id
            rows between unbounded preceding and 1 preceding
        ) as net_before_n,
        sum(abs(voice)) over (
            partition by platform, community, thread_id order by created_at, contribution_id
            rows between unbounded preceding and 1 preceding
        ) as told_before_n,
        sum(voice) over (partition by platform, community, thread_id) as net_n,
        sum(abs(voice)) over (partition by platform, community, thread_id) as told_n,
        count(*) over (partition by platform, community, thread_id) as people_n
    from first_words
    where place_of_person = 1

),

-- Where a thread would turn if it turned: the voice before which the sum is farthest from what it would be if all voices
-- were alike, the first of equals.
candidates as (

    select
        *,
        place - 1 as people_before_n,
        abs(net_before_n * people_n - (place - 1) * net_n) as distance,
        row_number() over (
            partition by platform, community, thread_id
            order by abs(net_before_n * people_n - (place - 1) * net_n) desc, place
        ) as distance_place
    from voices
    where people_n >= {{ var('thread_turn_min_people') }}
        and place - 1 between {{ least_side }} and people_n - {{ least_side }}

),

-- The largest distance of a Brownian bridge: Kolmogorov's distribution, its first term, which is never below the rest.
judged as (

    select
        *,
        case
            when told_n * people_n > net_n * net_n then least(1.0, 2 * exp(
                -2 * cast(distance as double) * distance
                / (cast(people_n as double) * (cast(told_n as double) * people_n - cast(net_n as double) * net_n))
            ))
        end as p_value
    from candidates
    where distance_place = 1

),

clear as (

    {{ clear_rows('judged', ['month_start_date'], ['platform', 'community', 'thread_id']) }}

),

turns as (

    select
        *,
        people_n - people_before_n as people_after_n,
        cast((told_before_n + net_before_n) / 2 as bigint) as positive_before_n,
        cast((told_before_n - net_before_n) / 2 as bigint) as negative_before_n,
        cast((told_n - told_before_n + net_n - net_before_n) / 2 as bigint) as positive_after_n,
        cast((told_n - told_before_n - net_n + net_before_n) / 2 as bigint) as negative_after_n
    from clear
    where is_clear

),

titles as (

    select
        platform,
        community,
        contribution_id as thread_id,
        title
    from {{ ref('fct_contributions') }}
    where kind = 'post' and {{ is_period_affected('month', period_start('month', 'contribution_date')) }}

),

months as (

    select * from {{ ref('int_community_months') }}

)

select
    turns.platform,
    turns.community,
    turns.month_start_date,
    turns.thread_id,
    turns.contribution_date,
    titles.title,
    turns.created_at as turned_at,
    turns.contribution_id as turn_contribution_id,
    case
        when turns.net_before_n * turns.people_n < turns.people_before_n * turns.net_n then 'up' else 'down'
    end as direction,
    '{{ var("sentiment_model_id") }}' as model_id,
    {%- for side in ['before', 'after'] %}
    {%- set counts = ['positive_' ~ side ~ '_n', 'negative_' ~ side ~ '_n', 'people_' ~ side ~ '_n'] %}
    cast(turns.people_{{ side }}_n as bigint) as people_{{ side }}_n,
    {{ net_sentiment(*counts) }} as net_{{ side }},
    {{ net_sentiment_low(*counts) }} as net_{{ side }}_low,
    {{ net_sentiment_high(*counts) }} as net_{{ side }}_high,
    {%- endfor %}
    round(turns.p_value, 12) as p_value,
    cast(turns.family_n as bigint) as threads_compared_n,
    months.days_n,
    months.days_complete_n,
    months.is_period_complete,
    {{ caveats({'incomplete': 'not months.is_period_complete'}) }} as caveat
from turns
inner join months
    on turns.platform = months.platform
    and turns.community = months.community
    and turns.month_start_date = months.month_start_date
left join titles
    on turns.platform = titles.platform
    and turns.community = titles.community
    and turns.thread_id = titles.thread_id
