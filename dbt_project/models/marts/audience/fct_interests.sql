with

fits as (

    select * from {{ ref('int_goal_fits') }}
    where goal_kind = 'interest' and is_followed and authors_n is not null

),

topics as (

    select
        *,
        max(month_start_date) over (partition by platform) as last_month
    from {{ ref('fct_topics_monthly') }}

),

asked as (

    select
        platform,
        community,
        'interest' as interest_kind,
        goal as interest,
        authors_n as people,
        people_n,
        authors_n as voices,
        people_n as all_voices,
        sum(authors_n) over (partition by goal) - authors_n as other_voices,
        sum(people_n) over (partition by goal) - people_n as all_other_voices,
        (sum(authors_n) over (partition by goal) - authors_n)
            / nullif(cast(sum(people_n) over (partition by goal) - people_n as double), 0) as usual_share
    from fits

    union all

    select
        platform,
        community,
        'topic' as interest_kind,
        cast(topic_id as {{ dbt.type_string() }}) || coalesce(': ' || label, '') as interest,
        people,
        people_n,
        people_began as voices,
        all_began as all_voices,
        sum(people_began) over (partition by platform, topic_id) - people_began as other_voices,
        all_began_of_platform - all_began as all_other_voices,
        (sum(people) over (partition by platform, topic_id) - people)
            / nullif(cast(sum(people_n) over (partition by platform, topic_id) - people_n as double), 0) as usual_share
    from (
        select
            *,
            sum(people_began) over (partition by platform) as all_began_of_platform
        from (
            select
                *,
                sum(people_began) over (partition by platform, community) as all_began
            from topics
            where month_start_date = last_month
        ) as of_communities
    ) as of_platforms

),

-- Of how many voices on something chance would have as many here, at the share that this community has of all voices. Who
-- answers in one thread is no independent voice on its topic: of topics those count who began something.
tested as (

    select
        *,
        case
            when {{ is_enough('people_n') }} and usual_share is not null then {{ upper_tail('coalesce(voices_z, 0)') }}
        end as p_value
    from (
        select
            *,
            case
                when voices > 0 and all_other_voices > 0
                    then {{ binomial_z('voices', '(voices + other_voices)',
                        '(cast(all_voices as double) / (all_voices + all_other_voices))') }}
            end as voices_z
        from asked
    ) as compared

),

judged as (

    {{ clear_rows('tested', ['platform', 'interest_kind'], ['community', 'interest']) }}

),

measured as (

    select
        platform,
        community,
        interest_kind,
        interest,
        people,
        people_n,
        {{ share('people', 'people_n') }} as people_share,
        {{ wilson_low('people', 'people_n') }} as people_share_low,
        {{ wilson_high('people', 'people_n') }} as people_share_high,
        usual_share,
        {{ share('people', 'people_n') }} / nullif(usual_share, 0) as lift,
        case when p_value is not null then is_clear and coalesce(voices_z, 0) > 0 end as is_clear
    from judged
    where {{ is_enough('people_n') }} and people > 0

    union all

    select
        platform,
        community,
        'community' as interest_kind,
        other_platform || '/' || other_community as interest,
        shared_n as people,
        contributors_n as people_n,
        shared_share as people_share,
        shared_share_low as people_share_low,
        shared_share_high as people_share_high,
        expected_shared_n / nullif(contributors_n, 0) as usual_share,
        lift,
        is_clearly_above_expected as is_clear
    from {{ ref('fct_community_overlap') }}
    where shared_n is not null

)

select
    platform,
    community,
    interest_kind,
    interest,
    cast(row_number() over (
        partition by platform, community, interest_kind
        order by case when is_clear then 0 else 1 end, lift desc nulls last, interest
    ) as bigint) as place,
    cast(people as bigint) as people,
    cast(people_n as bigint) as people_n,
    cast(people_share as double) as people_share,
    people_share_low,
    people_share_high,
    cast(usual_share as double) as usual_share,
    cast(lift as double) as lift,
    is_clear,
    {{ caveats({'not_observable': 'usual_share is null', 'small_n': 'not ' ~ is_enough('people')}) }} as caveat
from measured
