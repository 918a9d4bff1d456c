{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_months_and_later('month_start_date') }}",
) }}

with

voices as (

    select * from {{ ref('int_topic_voices') }}
    where {{ is_month_affected_or_later('month_start_date') }}

),

by_topic as (

    select
        platform,
        community,
        month_start_date,
        text_month_start_date,
        topic_id,
        sum(contributions_n) as contributions,
        sum(posts_n) as posts,
        count(case when is_contributor then author_number end) as people,
        count(case when is_contributor and begun_n > 0 then author_number end) as people_began
    from voices
    group by platform, community, month_start_date, text_month_start_date, topic_id

),

-- People of the month on any topic: who wrote on two counts once.
of_month as (

    select
        platform,
        community,
        month_start_date,
        text_month_start_date,
        count(distinct case when is_contributor then author_number end) as people,
        sum(contributions_n) as contributions
    from voices
    group by platform, community, month_start_date, text_month_start_date

),

months as (

    select
        platform,
        community,
        month_start_date,
        sum(case when text_month_start_date = month_start_date then people else 0 end) as people_n,
        sum(case when text_month_start_date = month_start_date then contributions else 0 end) as contributions_n,
        nullif(sum(case when text_month_start_date < month_start_date then people else 0 end), 0) as people_before_n
    from of_month
    group by platform, community, month_start_date

),

-- Who began something on several topics counts with each: a month in which people write more is no growth of all topics.
begun as (

    select
        platform,
        community,
        month_start_date,
        sum(case when text_month_start_date = month_start_date then people_began else 0 end) as all_began,
        nullif(sum(case when text_month_start_date < month_start_date then people_began else 0 end), 0) as all_began_before
    from by_topic
    group by platform, community, month_start_date

),

counted as (

    select
        platform,
        community,
        month_start_date,
        topic_id,
        sum(case when text_month_start_date = month_start_date then people_began else 0 end) as people_began,
        sum(case when text_month_start_date < month_start_date then people_began else 0 end) as people_began_before,
        sum(case when text_month_start_date = month_start_date then contributions else 0 end) as contributions,
        sum(case when text_month_start_date = month_start_date then posts else 0 end) as posts,
        sum(case when text_month_start_date = month_start_date then people else 0 end) as people,
        sum(case when text_month_start_date < month_start_date then people else 0 end) as people_before
    from by_topic
    group by platform, community, month_start_date, topic_id

),

joined as (

    select
        counted.*,
        months.people_n,
        months.contributions_n,
        months.people_before_n,
        begun.all_began,
        begun.all_began_before,
        cast(begun.all_began as double) / (begun.all_began + begun.all_began_before) as own_share,
        -- Half a person more on both sides: a topic that is new has grown, by how much is not said. Shares of two months,
        -- divided once, so that what is a whole number comes out as one.
        ((counted.people_began + 0.5e0) * (begun.all_began_before + 0.5e0))
            / ((begun.all_began + 0.5e0) * (counted.people_began_before + 0.5e0)) as growth,
        sqrt(
            1 / (counted.people_began + 0.5e0) - 1 / (begun.all_began + 0.5e0)
            + 1 / (counted.people_began_before + 0.5e0) - 1 / (begun.all_began_before + 0.5e0)
        ) as log_growth_sd
    from counted
    inner join months
        on counted.platform = months.platform
        and counted.community = months.community
        and counted.month_start_date = months.month_start_date
    inner join begun
        on counted.platform = begun.platform
        and counted.community = begun.community
        and counted.month_start_date = begun.month_start_date
    where counted.contributions > 0

),

-- Told and tested by who began something on it in all four months, so that what a month brings does not choose what is
-- tested. Who answers in one thread is no independent voice: two long threads would make any topic grow.
told as (

    select
        *,
        all_began_before is not null and {{ is_enough('(people_began + people_began_before)') }} as is_told,
        case
            when people_began > 0 and own_share < 1
                then {{ binomial_z('people_began', '(people_began + people_began_before)', 'own_share') }}
        end as growth_z
    from joined

),

tested as (

    select
        *,
        case when is_told then {{ upper_tail('coalesce(growth_z, 0)') }} end as p_value
    from told

),

found as (

    {{ clear_rows('tested', ['month_start_date'], ['platform', 'community', 'topic_id']) }}

),

labels as (

    select
        month_start_date,
        topic_id,
        max(case when place = 1 then word end) as first_word,
        max(case when place = 2 then word end) as second_word,
        max(case when place = 3 then word end) as third_word
    from {{ ref('stg_topic_words') }}
    where {{ is_month_affected_or_later('month_start_date') }}
    group by month_start_date, topic_id

),

completeness as (

    select
        platform,
        community,
        month_start_date,
        is_period_complete
    from {{ ref('fct_community_monthly') }}

)

select
    found.platform,
    found.community,
    found.month_start_date,
    found.topic_id,
    labels.first_word || coalesce(', ' || labels.second_word, '') || coalesce(', ' || labels.third_word, '') as label,
    cast(found.posts as bigint) as posts,
    cast(found.contributions as bigint) as contributions,
    {{ share('found.contributions', 'found.contributions_n') }} as contributions_share,
    cast(found.people as bigint) as people,
    cast(found.people_n as bigint) as people_n,
    case when {{ is_enough('found.people_n') }} then {{ share('found.people', 'found.people_n') }} end as people_share,
    case when {{ is_enough('found.people_n') }} then {{ wilson_low('found.people', 'found.people_n') }} end
        as people_share_low,
    case when {{ is_enough('found.people_n') }} then {{ wilson_high('found.people', 'found.people_n') }} end
        as people_share_high,
    {{ share('found.people_before', 'found.people_before_n') }} as people_share_before,
    cast(found.people_began as bigint) as people_began,
    cast(case when found.all_began_before is not null then found.people_began_before end as bigint) as people_began_before,
    case when found.is_told then found.growth end as growth,
    case when found.is_told then found.growth * exp(-{{ z() }} * found.log_growth_sd) end as growth_low,
    case when found.is_told then found.growth * exp({{ z() }} * found.log_growth_sd) end as growth_high,
    case when found.is_told then found.is_clear and coalesce(found.growth_z, 0) > 0 end as is_growing,
    {{ caveats({
        'incomplete': 'not coalesce(completeness.is_period_complete, false)',
        'not_observable': 'found.all_began_before is null',
        'small_n': 'not ' ~ is_enough('(found.people_began + found.people_began_before)'),
    }) }} as caveat
from found
left join labels
    on found.month_start_date = labels.month_start_date
    and found.topic_id = labels.topic_id
left join completeness
    on found.platform = completeness.platform
    and found.community = completeness.community
    and found.month_start_date = completeness.month_start_date
