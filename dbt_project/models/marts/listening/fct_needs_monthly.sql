{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_months_and_later('month_start_date') }}",
) }}

{% set key = ['platform', 'community', 'month_start_date'] -%}
{% set months_before = 3 %}

with

voices as (

    select * from {{ ref('int_need_voices') }}

),

topics as (

    select * from {{ ref('stg_topics') }}
    where {{ is_month_affected_or_later('month_start_date') }}

),

-- What a month looks at: its own voices and those of the three before, as a whole and by the topics of that month.
looked_at as (

    {%- for months in range(months_before + 1) %}
    select
        platform,
        community,
        cast({{ dbt.dateadd('month', months, 'month_start_date') }} as date) as month_start_date,
        month_start_date as text_month_start_date,
        need,
        cast(null as bigint) as topic_id,
        contribution_id,
        author_number,
        said_id
    from voices
    union all
    {%- endfor %}
    select
        voices.platform,
        voices.community,
        topics.month_start_date,
        voices.month_start_date as text_month_start_date,
        voices.need,
        topics.topic_id,
        voices.contribution_id,
        voices.author_number,
        voices.said_id
    from voices
    inner join topics
        on voices.opener_text_id = topics.text_id
        and voices.opener_month_start_date = topics.text_month_start_date
        and topics.month_start_date between voices.month_start_date
            and {{ dbt.dateadd('month', months_before, 'voices.month_start_date') }}

),

calendar as (

    select * from {{ ref('int_listening_months') }} where community <> '*'

),

-- A month of which less than half is known says little of what is usual.
usual_months as (

    select {{ key | join(', ') }}, contributors
    from calendar
    where 2 * days_known_n >= days_n and contributors > 0

),

by_month as (

    select
        {{ key | join(',\n        ') }},
        text_month_start_date,
        need,
        topic_id,
        count(distinct contribution_id) as contributions_n,
        count(distinct said_id) as said_n,
        count(distinct author_number) as people_n
    from looked_at
    where {{ is_month_affected_or_later('month_start_date') }}
    group by {{ key | join(', ') }}, text_month_start_date, need, topic_id

),

counted as (

    select
        by_month.platform,
        by_month.community,
        by_month.month_start_date,
        by_month.need,
        by_month.topic_id,
        {%- for column in ['contributions_n', 'said_n', 'people_n'] %}
        sum(case
            when by_month.text_month_start_date = by_month.month_start_date then by_month.{{ column }} else 0
        end) as {{ column }},
        {%- endfor %}
        sum(case
            when by_month.text_month_start_date < by_month.month_start_date and usual_months.community is not null
                then by_month.people_n
            else 0
        end) as people_before_n
    from by_month
    left join usual_months
        on by_month.platform = usual_months.platform
        and by_month.community = usual_months.community
        and by_month.text_month_start_date = usual_months.month_start_date
    group by by_month.platform, by_month.community, by_month.month_start_date, by_month.need, by_month.topic_id

),

-- Who wrote on a topic, in the month and in those before. A comment is about the topic of its thread: a long thread brings
-- complaints as it brings all else, and that is no growth of what people complain of.
on_topics as (

    select
        voices_on.platform,
        voices_on.community,
        voices_on.month_start_date,
        voices_on.topic_id,
        count(case
            when voices_on.text_month_start_date = voices_on.month_start_date then voices_on.author_number
        end) as people_n,
        count(case
            when voices_on.text_month_start_date < voices_on.month_start_date and usual_months.community is not null
                then voices_on.author_number
        end) as people_before_n
    from {{ ref('int_topic_voices') }} as voices_on
    left join usual_months
        on voices_on.platform = usual_months.platform
        and voices_on.community = usual_months.community
        and voices_on.text_month_start_date = usual_months.month_start_date
    where voices_on.is_contributor and {{ is_month_affected_or_later('voices_on.month_start_date') }}
    group by voices_on.platform, voices_on.community, voices_on.month_start_date, voices_on.topic_id

),

judged as (

    select
        {{ key | join(',\n        ') }},
        count(text_id) as texts_n,
        count(is_wish) as judged_n
    from {{ ref('int_contributions_at_month_end') }}
    where {{ has_a_say() }} and {{ is_proven() }} and {{ is_month_affected_or_later('month_start_date') }}
    group by {{ key | join(', ') }}

),

people_before as (

    select
        calendar.platform,
        calendar.community,
        calendar.month_start_date,
        sum(usual_months.contributors) as contributors_before
    from calendar
    inner join usual_months
        on calendar.platform = usual_months.platform
        and calendar.community = usual_months.community
        and usual_months.month_start_date < calendar.month_start_date
        and usual_months.month_start_date >= {{ dbt.dateadd('month', -months_before, 'calendar.month_start_date') }}
    group by calendar.platform, calendar.community, calendar.month_start_date

),

months as (

    select
        calendar.*,
        cast(people_before.contributors_before as double) as contributors_before,
        cast(coalesce(judged.judged_n, 0) as bigint) as judged_n,
        coalesce(judged.texts_n, 0) > 0 and judged.judged_n = 0 as is_unsupported,
        -- Zero is a claim: it needs a day that was looked at and texts that could be judged, and for people somebody who
        -- can see who wrote.
        case
            when calendar.days_known_n > 0 and (coalesce(judged.texts_n, 0) = 0 or judged.judged_n > 0) then 0
        end as nothing_seen
    from calendar
    left join people_before
        on calendar.platform = people_before.platform
        and calendar.community = people_before.community
        and calendar.month_start_date = people_before.month_start_date
    left join judged
        on calendar.platform = judged.platform
        and calendar.community = judged.community
        and calendar.month_start_date = judged.month_start_date
    where {{ is_month_affected_or_later('calendar.month_start_date') }}

),

needs as (

    {%- for need in needs_voiced() %}
    select '{{ need }}' as need{{ ' union all' if not loop.last }}
    {%- endfor %}

),

-- Every month has each need as a whole, and the topics on which somebody voiced it.
figures as (

    select
        months.*,
        needs.need,
        cast(null as bigint) as topic_id,
        coalesce(counted.contributions_n, 0) as contributions_n,
        coalesce(counted.said_n, 0) as said_n,
        coalesce(counted.people_n, 0) as people_n,
        coalesce(counted.people_before_n, 0) as people_before_n,
        months.contributors as asked_n,
        months.contributors_before as asked_before_n
    from months
    cross join needs
    left join (select * from counted where topic_id is null) as counted
        on months.platform = counted.platform
        and months.community = counted.community
        and months.month_start_date = counted.month_start_date
        and needs.need = counted.need

    union all

    select
        months.*,
        counted.need,
        counted.topic_id,
        counted.contributions_n,
        counted.said_n,
        counted.people_n,
        counted.people_before_n,
        on_topics.people_n as asked_n,
        nullif(cast(on_topics.people_before_n as double), 0) as asked_before_n
    from months
    inner join counted
        on months.platform = counted.platform
        and months.community = counted.community
        and months.month_start_date = counted.month_start_date
    left join on_topics
        on counted.platform = on_topics.platform
        and counted.community = on_topics.community
        and counted.month_start_date = on_topics.month_start_date
        and counted.topic_id = on_topics.topic_id
    where counted.topic_id is not null and counted.contributions_n > 0

),

seen as (

    select
        *,
        nothing_seen is not null and not is_without_authors and contributors > 0 as are_people_seen,
        -- Who wrote in the month, on the topic if it is of one, among those who did in any of the four: the share of all
        -- who voiced it that would be its own if nothing had changed.
        asked_n / (asked_n + asked_before_n) as own_share,
        -- Half a person more on both sides: a need that is new has grown, by how much is not said.
        ln((people_n + 0.5e0) / (asked_n + 0.5e0))
            - ln((people_before_n + 0.5e0) / (asked_before_n + 0.5e0)) as log_growth,
        sqrt(
            1 / (people_n + 0.5) - 1 / (asked_n + 0.5)
            + 1 / (people_before_n + 0.5) - 1 / (asked_before_n + 0.5)
        ) as log_growth_sd
    from figures

),

-- Told and tested by who voiced it in all four months, so that what a month brings does not choose what is tested.
told as (

    select
        *,
        are_people_seen and asked_before_n is not null and {{ is_enough('(people_n + people_before_n)') }} as is_told,
        case
            when people_n > 0 and own_share < 1
                then {{ binomial_z('people_n', '(people_n + people_before_n)', 'own_share') }}
                    -- Everybody voices it once a month at most: drawn without putting back, numbers vary less.
                    / sqrt(greatest(
                        0.000001,
                        (asked_n + asked_before_n - people_n - people_before_n) / (asked_n + asked_before_n - 1.0)
                    ))
        end as growth_z
    from seen

),

tested as (

    select
        *,
        case when is_told then {{ upper_tail('coalesce(growth_z, 0)') }} end as p_value
    from told

),

clear as (

    {{ clear_rows('tested', ['month_start_date'], ['platform', 'community', 'need', 'topic_id']) }}

)

select
    clear.platform,
    clear.community,
    clear.month_start_date,
    clear.need,
    clear.topic_id,
    labels.label,
    cast(clear.said_n + clear.nothing_seen as bigint) as contributions,
    cast(clear.contributions_n - clear.said_n + clear.nothing_seen as bigint) as copies_n,
    cast(case when clear.are_people_seen then clear.people_n end as bigint) as people_n,
    clear.contributors,
    case
        when clear.are_people_seen and {{ is_enough('clear.contributors') }}
            then {{ share('clear.people_n', 'clear.contributors') }}
    end as people_share,
    case
        when clear.are_people_seen and {{ is_enough('clear.contributors') }}
            then {{ wilson_low('clear.people_n', 'clear.contributors') }}
    end as people_share_low,
    case
        when clear.are_people_seen and {{ is_enough('clear.contributors') }}
            then {{ wilson_high('clear.people_n', 'clear.contributors') }}
    end as people_share_high,
    cast(case when clear.contributors_before is not null then clear.people_before_n end as bigint) as people_before_n,
    case when clear.is_told then exp(clear.log_growth) end as growth,
    case when clear.is_told then exp(clear.log_growth - {{ z() }} * clear.log_growth_sd) end as growth_low,
    case when clear.is_told then exp(clear.log_growth + {{ z() }} * clear.log_growth_sd) end as growth_high,
    case when clear.is_told then clear.is_clear and clear.growth_z > 0 end as is_clear,
    clear.judged_n,
    clear.days_n,
    clear.days_complete_n,
    clear.is_period_complete,
    {{ caveats(merged([kind_caveats('clear.days_{}_known_n', 'clear.'), {
        'authors_not_observed': 'clear.authors_unobserved_n > 0',
        'incomplete': 'not clear.is_period_complete',
        'not_observable': 'clear.asked_before_n is null',
        'not_supported': 'clear.is_unsupported',
        'small_n': 'not coalesce(' ~ is_enough('(clear.people_n + clear.people_before_n)') ~ ', false)',
    }])) }} as caveat
from clear
left join {{ ref('fct_topics_monthly') }} as labels
    on clear.platform = labels.platform
    and clear.community = labels.community
    and clear.month_start_date = labels.month_start_date
    and clear.topic_id = labels.topic_id
