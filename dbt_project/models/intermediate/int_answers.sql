{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_periods('month', 'month_start_date') }}",
) }}

with

written as (

    select
        platform,
        community,
        month_start_date,
        contribution_id,
        parent_id,
        kind,
        contribution_date,
        created_at,
        author_key,
        score,
        sentiment_label,
        is_accepted_answer
    from {{ ref('int_contributions_at_month_end') }}
    where is_by_contributor
        and not is_removed
        and {{ is_proven() }}
        and {{ is_period_affected('month', 'month_start_date') }}

),

-- What opens something: a post, or a message that answers none.
asked as (

    select * from written where kind = 'post' or (kind = 'message' and parent_id is null)

),

answers as (

    select
        answers.platform,
        answers.community,
        answers.month_start_date,
        asked.contribution_id as asked_id,
        asked.author_key as asker_key,
        answers.author_key,
        answers.contribution_id,
        answers.contribution_date,
        answers.score,
        answers.is_accepted_answer,
        answers.created_at,
        {{ hours_between('asked.created_at', 'answers.created_at') }} as answer_h
    from written as answers
    inner join asked
        on answers.platform = asked.platform
        and answers.community = asked.community
        and answers.month_start_date = asked.month_start_date
        and answers.parent_id = asked.contribution_id
    where answers.author_key <> asked.author_key
        and answers.created_at >= asked.created_at

),

-- What the asker said to an answer. Whether it is a thank-you is told by its mood, not by its words.
said_to_answers as (

    select
        answers.platform,
        answers.community,
        answers.contribution_id,
        count(said.sentiment_label) as judged_n,
        count(case when said.sentiment_label = 'positive' then 1 end) as positive_n
    from answers
    inner join written as said
        on answers.platform = said.platform
        and answers.community = said.community
        and answers.month_start_date = said.month_start_date
        and answers.contribution_id = said.parent_id
        and answers.asker_key = said.author_key
    group by answers.platform, answers.community, answers.contribution_id

),

-- Who answers the same twice has answered it once: the first answer stands for it.
ranked as (

    select
        answers.*,
        said_to_answers.judged_n,
        said_to_answers.positive_n,
        row_number() over (
            partition by answers.platform, answers.community, answers.month_start_date, answers.asked_id, answers.author_key
            order by answers.created_at, answers.contribution_id
        ) as place,
        -- NULL where the platform does not say which answers were accepted.
        max(case when answers.is_accepted_answer then 1 when not answers.is_accepted_answer then 0 end) over (
            partition by answers.platform, answers.community, answers.month_start_date, answers.asked_id, answers.author_key
        ) = 1 as is_accepted,
        {%- for name, condition in {
            'has_reply_of_asker': 'said_to_answers.contribution_id is not null',
            'has_judged_reply_of_asker': 'said_to_answers.judged_n > 0',
            'is_thanked': 'said_to_answers.positive_n > 0',
        }.items() %}
        max(case when {{ condition }} then 1 else 0 end) over (
            partition by answers.platform, answers.community, answers.month_start_date, answers.asked_id, answers.author_key
        ) = 1 as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from answers
    left join said_to_answers
        on answers.platform = said_to_answers.platform
        and answers.community = said_to_answers.community
        and answers.contribution_id = said_to_answers.contribution_id

)

select
    platform,
    community,
    month_start_date,
    asked_id,
    asker_key,
    author_key,
    contribution_id,
    contribution_date,
    score,
    answer_h,
    has_reply_of_asker,
    has_judged_reply_of_asker,
    is_thanked,
    is_accepted
from ranked
where place = 1
