{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_periods('month', 'month_start_date') }}",
) }}

with

written as (

    select * from {{ ref('int_contributions_at_month_end') }}
    where not is_removed and {{ is_proven() }} and {{ is_period_affected('month', 'month_start_date') }}

),

-- What opens something: a post, or a message that answers none.
asked as (

    select
        *,
        case
            when is_support_request then 'support_request'
            when is_recommendation_request then 'recommendation_request'
            else 'question'
        end as request
    from written
    where (kind = 'post' or (kind = 'message' and parent_id is null))
        and {{ has_a_say() }}
        and (is_support_request or is_recommendation_request or is_question)

),

-- Anybody but a program and the asker: the team answers too. Where nobody can see who wrote, any reply is an answer.
replied as (

    select
        asked.platform,
        asked.community,
        asked.contribution_id,
        count(*) as answers_n
    from asked
    inner join written as replies
        on asked.platform = replies.platform
        and asked.community = replies.community
        and asked.month_start_date = replies.month_start_date
        and asked.contribution_id = replies.parent_id
    where replies.author_role <> 'bot'
        and (replies.author_key is null or asked.author_key is null or replies.author_key <> asked.author_key)
    group by asked.platform, asked.community, asked.contribution_id

),

months as (

    select * from {{ ref('int_community_months') }}

)

select
    asked.platform,
    asked.community,
    asked.month_start_date,
    asked.contribution_id,
    asked.contribution_date,
    asked.created_at,
    asked.request,
    -- The platform may count replies that nobody read; where replies were neither read nor counted, nobody knows.
    case
        when replied.answers_n > 0 or asked.reply_count > 0 then true
        when asked.reply_count = 0 or asked.kind = 'message' or months.days_comments_known_n > 0 then false
    end as is_answered
from asked
left join replied
    on asked.platform = replied.platform
    and asked.community = replied.community
    and asked.contribution_id = replied.contribution_id
left join months
    on asked.platform = months.platform
    and asked.community = months.community
    and asked.month_start_date = months.month_start_date
