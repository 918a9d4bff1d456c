{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_periods('month', 'month_start_date') }}",
) }}

with

answers as (

    select * from {{ ref('int_answers') }}
    where {{ may_rank_persons() }} and {{ is_period_affected('month', 'month_start_date') }}

),

counted as (

    select
        platform,
        community,
        month_start_date,
        author_key,
        count(*) as answers_n,
        count(distinct asker_key) as people_helped_n,
        count(case when has_reply_of_asker then 1 end) as asker_replies_n,
        count(case when has_judged_reply_of_asker then 1 end) as asker_replies_judged_n,
        count(case when is_thanked then 1 end) as answers_thanked_n,
        case when count(is_accepted) > 0 then count(case when is_accepted then 1 end) end as answers_accepted_n,
        percentile_cont(0.5) within group (order by answer_h) as median_answer_h
    from answers
    group by platform, community, month_start_date, author_key

),

-- By people, not by answers: who answers one and the same person all month helps one.
ranked as (

    select
        *,
        row_number() over (
            partition by platform, community, month_start_date
            order by people_helped_n desc, answers_thanked_n desc, answers_n desc, author_key
        ) as place
    from counted
    where people_helped_n >= {{ var('helper_min_people') }}

),

months as (

    select * from {{ ref('int_community_months') }}

)

select
    ranked.platform,
    ranked.community,
    ranked.month_start_date,
    ranked.place,
    ranked.author_key,
    ranked.people_helped_n,
    round({{ count_low('ranked.people_helped_n', '1.0', z()) }}, 3) as people_helped_low,
    round({{ count_high('ranked.people_helped_n', '1.0', z()) }}, 3) as people_helped_high,
    ranked.answers_n,
    ranked.asker_replies_n,
    ranked.asker_replies_judged_n,
    ranked.answers_thanked_n,
    case
        when {{ is_enough('ranked.asker_replies_judged_n') }}
            then {{ share('ranked.answers_thanked_n', 'ranked.asker_replies_judged_n') }}
    end as thanked_share,
    case
        when {{ is_enough('ranked.asker_replies_judged_n') }}
            then {{ wilson_low('ranked.answers_thanked_n', 'ranked.asker_replies_judged_n') }}
    end as thanked_share_low,
    case
        when {{ is_enough('ranked.asker_replies_judged_n') }}
            then {{ wilson_high('ranked.answers_thanked_n', 'ranked.asker_replies_judged_n') }}
    end as thanked_share_high,
    ranked.answers_accepted_n,
    case when {{ is_enough('ranked.answers_n') }} then round(ranked.median_answer_h, 6) end as median_answer_h,
    months.days_n,
    months.days_complete_n,
    months.is_period_complete,
    {{ caveats(merged([kind_caveats('months.days_{}_known_n', 'months.'), {
        'authors_not_observed': 'months.authors_unobserved_n > 0',
        'incomplete': 'not months.is_period_complete',
        'small_n': 'not (' ~ is_enough('ranked.answers_n') ~ ' and ' ~ is_enough('ranked.asker_replies_judged_n') ~ ')',
    }])) }} as caveat
from ranked
inner join months
    on ranked.platform = months.platform
    and ranked.community = months.community
    and ranked.month_start_date = months.month_start_date
where ranked.place <= {{ var('persons_told_n') }}
