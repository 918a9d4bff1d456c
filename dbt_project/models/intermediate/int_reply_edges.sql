{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_periods('month', 'month_start_date') }}",
) }}

with

people as (

    select * from {{ ref('int_contributor_months') }}
    where {{ is_period_affected('month', 'month_start_date') }}

),

-- A number for each person of the month: pairs of keys would take much more room.
written as (

    select
        contributions.platform,
        contributions.community,
        contributions.month_start_date,
        contributions.contribution_id,
        contributions.parent_id,
        people.activity_rank as person
    from {{ ref('int_contributions_at_month_end') }} as contributions
    inner join people
        on contributions.platform = people.platform
        and contributions.community = people.community
        and contributions.month_start_date = people.month_start_date
        and contributions.author_key = people.author_key
    where contributions.is_by_contributor
        and {{ is_proven() }}
        and {{ is_period_affected('month', 'contributions.month_start_date') }}

)

select
    replies.platform,
    replies.community,
    replies.month_start_date,
    replies.person as replier,
    parents.person as answered,
    count(*) as replies
from written as replies
inner join written as parents
    on replies.platform = parents.platform
    and replies.community = parents.community
    and replies.month_start_date = parents.month_start_date
    and replies.parent_id = parents.contribution_id
where replies.person <> parents.person
group by replies.platform, replies.community, replies.month_start_date, replies.person, parents.person
