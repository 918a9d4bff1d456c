{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_months_and_later('month_start_date') }}",
) }}

with

contributions as (

    select * from {{ ref('int_contributions_at_month_end') }}
    where kind <> 'comment' and {{ has_a_say() }} and {{ is_proven() }} and author_key is not null
        and {{ is_month_affected_or_later('month_start_date') }}

),

topics as (

    select * from {{ ref('stg_topics') }}
    where text_month_start_date = month_start_date and {{ is_month_affected_or_later('month_start_date') }}

),

telling as (

    select
        contributions.platform,
        contributions.community,
        contributions.month_start_date,
        topics.topic_id,
        contributions.contribution_id,
        contributions.contribution_date,
        topics.strength,
        row_number() over (
            partition by
                contributions.platform, contributions.community, contributions.month_start_date, topics.topic_id,
                contributions.author_key
            order by topics.strength desc, contributions.contribution_id
        ) as place_of_person
    from contributions
    inner join topics
        on contributions.text_id = topics.text_id
        and contributions.month_start_date = topics.month_start_date

),

ranked as (

    select
        *,
        row_number() over (
            partition by platform, community, month_start_date, topic_id order by strength desc, contribution_id
        ) as place
    from telling
    where place_of_person = 1

)

select
    platform,
    community,
    month_start_date,
    topic_id,
    cast(place as bigint) as place,
    contribution_id,
    contribution_date,
    strength
from ranked
where place <= {{ var('topic_examples_n') }}
