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
        count(case when is_contributor then author_number end) as people
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

counted as (

    select
        platform,
        community,
        month_start_date,
        topic_id,
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
        -- Half a person more on both sides: a topic that is new has grown, by how much is not said.
        ln((counted.people + 0.5e0) / (months.people_n + 0.5e0))
            - ln((counted.people_before + 0.5e0) / (months.people_before_n + 0.5e0)) as log_growth,
        sqrt(
            1 / (counted.people + 0.5) - 1 / (months.people_n + 0.5)
            + 1 / (counted.people_before + 0.5) - 1 / (months.people_before_n + 0.5)
        ) as log_growth_sd
    from counted
    inner join months
        on counted.platform = months.platform
        and counted.community = months.community
        and counted.month_start_date = months.month_start_date
    where counted.contributions > 0

),

tested as (

    select
        *,
        {{ upper_tail('log_growth / nullif(log_growth_sd, 0)') }} as p_value,
        {{ is_enough('people') }} and people_before_n is not null as is_tested
    from joined

),

-- Benjamini and Hochberg over the topics of a community's month that enough people wrote on.
placed as (

    select
        *,
        row_number() over (
            partition by platform, community, month_start_date, is_tested order by p_value, topic_id
        ) as place_of_p,
        count(*) over (partition by platform, community, month_start_date, is_tested) as tests_n
    from tested

),

found as (

    select
        *,
        max(case when is_tested and p_value * tests_n <= {{ var('keyword_false_share') }} * place_of_p then place_of_p end)
            over (partition by platform, community, month_start_date, is_tested) as last_place
    from placed

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
    case when {{ is_enough('found.people') }} then exp(found.log_growth) end as growth,
    case when {{ is_enough('found.people') }} then exp(found.log_growth - {{ z() }} * found.log_growth_sd) end as growth_low,
    case when {{ is_enough('found.people') }} then exp(found.log_growth + {{ z() }} * found.log_growth_sd) end as growth_high,
    case when found.is_tested then coalesce(found.place_of_p <= found.last_place, false) end as is_growing,
    {{ caveats({
        'incomplete': 'not coalesce(completeness.is_period_complete, false)',
        'not_observable': 'found.people_before_n is null',
        'small_n': 'not ' ~ is_enough('found.people'),
    }) }} as caveat
from found
left join labels
    on found.month_start_date = labels.month_start_date
    and found.topic_id = labels.topic_id
left join completeness
    on found.platform = completeness.platform
    and found.community = completeness.community
    and found.month_start_date = completeness.month_start_date
