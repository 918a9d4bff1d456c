{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_months_and_later('month_start_date') }}",
) }}

with

voices as (

    select * from {{ ref('int_need_voices') }}
    where {{ is_month_affected_or_later('month_start_date') }}

),

-- What is still there, and still says it.
standing as (

    {%- for need in needs_voiced() %}
    select
        platform,
        community,
        contribution_id,
        contribution_date,
        '{{ need }}' as need,
        p_{{ need }} as likelihood
    from {{ ref('fct_contributions') }}
    where removal = 'none' and is_{{ need }} and {{ is_month_affected_or_later('contribution_date') }}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}

),

topics as (

    select * from {{ ref('stg_topics') }}
    where {{ is_month_affected_or_later('month_start_date') }}

),

telling as (

    select
        voices.platform,
        voices.community,
        voices.month_start_date,
        voices.need,
        voices.contribution_id,
        standing.contribution_date,
        voices.author_number,
        voices.said_id,
        standing.likelihood,
        topics.topic_id
    from voices
    inner join standing
        on voices.platform = standing.platform
        and voices.community = standing.community
        and voices.contribution_id = standing.contribution_id
        and voices.contribution_date = standing.contribution_date
        and voices.need = standing.need
    left join topics
        on voices.month_start_date = topics.month_start_date
        and voices.opener_text_id = topics.text_id
        and voices.opener_month_start_date = topics.text_month_start_date

),

grouped as (

    select
        platform, community, month_start_date, need, cast(null as bigint) as topic_id,
        contribution_id, contribution_date, author_number, said_id, likelihood
    from telling
    union all
    select
        platform, community, month_start_date, need, topic_id,
        contribution_id, contribution_date, author_number, said_id, likelihood
    from telling
    where topic_id is not null

),

-- One of each text and of each person; accounts that are gone are no person, and each of theirs is told.
of_texts as (

    select
        *,
        row_number() over (
            partition by platform, community, month_start_date, need, topic_id, said_id
            order by likelihood desc, contribution_id
        ) as place_of_text,
        row_number() over (
            partition by
                platform, community, month_start_date, need, topic_id, author_number,
                case when author_number is null then contribution_id end
            order by likelihood desc, contribution_id
        ) as place_of_person
    from grouped

),

ranked as (

    select
        *,
        row_number() over (
            partition by platform, community, month_start_date, need, topic_id order by likelihood desc, contribution_id
        ) as place
    from of_texts
    where place_of_text = 1 and place_of_person = 1

)

select
    platform,
    community,
    month_start_date,
    need,
    topic_id,
    place,
    contribution_id,
    contribution_date,
    likelihood
from ranked
where place <= {{ var('need_examples_n') }}
