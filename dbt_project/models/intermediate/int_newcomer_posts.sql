{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_months_and_later('month_start_date') }}",
) }}

with

threads as (

    select * from {{ ref('int_thread_periods') }}
    where period = 'month'
        and is_begun
        and is_by_contributor
        and {{ is_month_affected_or_later('period_start_date') }}

),

-- Whom the day of a post is the first day of.
newcomers as (

    select
        platform,
        community,
        author_key,
        month_start_date,
        new_contributor_date
    from {{ ref('int_contributor_months') }}
    where first_contribution_date = new_contributor_date and {{ is_month_affected_or_later('month_start_date') }}

),

newcomers_posts as (

    select
        posts.platform,
        posts.community,
        posts.month_start_date,
        posts.contribution_id
    from {{ ref('int_contributions_at_month_end') }} as posts
    inner join newcomers
        on posts.platform = newcomers.platform
        and posts.community = newcomers.community
        and posts.author_key = newcomers.author_key
        and posts.contribution_date = newcomers.new_contributor_date
    where posts.kind = 'post'
        and posts.is_by_contributor
        and {{ is_proven() }}
        and {{ is_month_affected_or_later('posts.month_start_date') }}

),

posts as (

    select
        threads.*,
        newcomers_posts.contribution_id is not null as is_by_newcomer
    from threads
    left join newcomers_posts
        on threads.platform = newcomers_posts.platform
        and threads.community = newcomers_posts.community
        and threads.period_start_date = newcomers_posts.month_start_date
        and threads.thread_id = newcomers_posts.contribution_id

)

select
    platform,
    community,
    period_start_date as month_start_date,
    is_by_newcomer,
    count(*) as posts_n,
    count(case when watched_h >= 24 then 1 end) as watched_24h_n,
    count(case when watched_h >= 24 and first_response_h <= 24 then 1 end) as answered_24h_n
from posts
group by platform, community, period_start_date, is_by_newcomer
