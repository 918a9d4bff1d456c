{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_months_and_later('month_start_date') }}",
) }}

with

contributions as (

    select
        platform,
        community,
        contribution_id,
        thread_id,
        kind,
        month_start_date,
        author_key,
        author_role,
        is_by_contributor,
        is_unproven,
        text_id
    from {{ ref('int_contributions_at_month_end') }}

),

topics as (

    select * from {{ ref('stg_topics') }}
    where {{ is_month_affected_or_later('month_start_date') }}

),

-- What threads are about, and messages: by the topics of each month that looks at them.
openers as (

    select
        topics.month_start_date,
        contributions.platform,
        contributions.community,
        contributions.contribution_id,
        contributions.kind,
        contributions.month_start_date as text_month_start_date,
        topics.topic_id,
        topics.strength
    from contributions
    inner join topics
        on contributions.text_id = topics.text_id
        and contributions.month_start_date = topics.text_month_start_date
    where contributions.kind <> 'comment'

),

-- A comment is about what its thread is about; one in a thread of an earlier month counts in its own.
voices as (

    select
        openers.month_start_date,
        contributions.month_start_date as text_month_start_date,
        contributions.platform,
        contributions.community,
        openers.topic_id,
        {{ hash_number('contributions.author_key') }} as author_number,
        contributions.is_by_contributor,
        contributions.kind
    from openers
    inner join contributions
        on openers.platform = contributions.platform
        and openers.community = contributions.community
        and openers.contribution_id = case
            when contributions.kind = 'comment' then contributions.thread_id else contributions.contribution_id
        end
    where contributions.author_role not in ('bot', 'team')
        and contributions.month_start_date <= openers.month_start_date
        and not coalesce(contributions.is_unproven, false)

)

select
    platform,
    community,
    month_start_date,
    text_month_start_date,
    topic_id,
    author_number,
    max(case when is_by_contributor then 1 else 0 end) = 1 as is_contributor,
    count(*) as contributions_n,
    count(case when kind <> 'comment' then 1 end) as begun_n,
    count(case when kind = 'post' then 1 end) as posts_n
from voices
group by platform, community, month_start_date, text_month_start_date, topic_id, author_number
