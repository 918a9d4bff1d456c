{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_months_and_later('month_start_date') }}",
) }}

with

influencers as (

    select platform, community, month_start_date, author_key
    from {{ ref('fct_influencers_monthly') }}
    where {{ is_month_affected_or_later('month_start_date') }}

),

helpers as (

    select platform, community, month_start_date, author_key
    from {{ ref('fct_helpers_monthly') }}
    where {{ is_month_affected_or_later('month_start_date') }}

),

written as (

    select
        platform,
        community,
        month_start_date,
        contribution_id,
        parent_id,
        author_key
    from {{ ref('int_contributions_at_month_end') }}
    where is_by_contributor
        and {{ is_proven() }}
        and {{ is_month_affected_or_later('month_start_date') }}

),

-- What is still there, and still theirs.
standing as (

    select platform, community, contribution_id, contribution_date, author_key
    from {{ ref('int_contributions_latest') }}
    where not is_removed and author_key is not null and {{ is_month_affected_or_later('contribution_date') }}

),

-- What most people replied to.
of_influencers as (

    select
        influencers.platform,
        influencers.community,
        influencers.month_start_date,
        influencers.author_key,
        'influencer' as reason,
        answered.contribution_id,
        count(distinct replies.author_key) as weight,
        0 as second_weight
    from influencers
    inner join written as answered
        on influencers.platform = answered.platform
        and influencers.community = answered.community
        and influencers.month_start_date = answered.month_start_date
        and influencers.author_key = answered.author_key
    inner join written as replies
        on answered.platform = replies.platform
        and answered.community = replies.community
        and answered.month_start_date = replies.month_start_date
        and answered.contribution_id = replies.parent_id
        and answered.author_key <> replies.author_key
    group by
        influencers.platform,
        influencers.community,
        influencers.month_start_date,
        influencers.author_key,
        answered.contribution_id

),

-- Answers that the asker was glad of, then those that others liked.
of_helpers as (

    select
        answers.platform,
        answers.community,
        answers.month_start_date,
        answers.author_key,
        'helper' as reason,
        answers.contribution_id,
        case when answers.is_thanked then 1 else 0 end as weight,
        coalesce(answers.score, 0) as second_weight
    from {{ ref('int_answers') }} as answers
    inner join helpers
        on answers.platform = helpers.platform
        and answers.community = helpers.community
        and answers.month_start_date = helpers.month_start_date
        and answers.author_key = helpers.author_key

),

reasons as (

    select * from of_influencers
    union all
    select * from of_helpers

),

ranked as (

    select
        reasons.*,
        standing.contribution_date,
        row_number() over (
            partition by
                reasons.platform, reasons.community, reasons.month_start_date, reasons.author_key, reasons.reason
            order by reasons.weight desc, reasons.second_weight desc, reasons.contribution_id
        ) as place
    from reasons
    inner join standing
        on reasons.platform = standing.platform
        and reasons.community = standing.community
        and reasons.contribution_id = standing.contribution_id
        and reasons.author_key = standing.author_key

)

select
    platform,
    community,
    month_start_date,
    author_key,
    reason,
    place,
    contribution_id,
    contribution_date
from ranked
where place <= {{ var('person_evidence_n') }}
