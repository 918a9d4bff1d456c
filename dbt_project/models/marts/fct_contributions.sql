{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook=[
        "{{ remember_affected_keys('affected_threads', ['platform', 'community', 'thread_id']) }}",
        "{{ delete_affected_dates() }}",
    ],
) }}

with

observations as (

    select * from {{ ref('stg_contributions') }}
    where {{ is_affected('contribution_date', 'partition_day') }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by platform, community, contribution_id order by observed_at desc, load_id desc
        ) as recency,
        min(observed_at) over (partition by platform, community, contribution_id) as first_observed_at
    from observations

),

latest as (

    select * from ranked where recency = 1

),

-- The same text may have been judged in several partitions, always with the same result.
scores as (

    select
        platform,
        community,
        contribution_id,
        text_sha256,
        max(sentiment_score) as sentiment_score,
        max(sentiment_label) as sentiment_label
    from {{ ref('stg_sentiment_scores') }}
    where model_id = '{{ var("sentiment_model_id") }}'
    {%- if is_partial_build() and var('affected_dates') %}
      and partition_day >= cast('{{ var('affected_dates') | min }}' as date)
    {%- endif %}
    group by platform, community, contribution_id, text_sha256

)

select
    latest.platform,
    latest.community,
    latest.contribution_id,
    latest.kind,
    latest.thread_id,
    latest.parent_id,
    latest.contribution_date,
    latest.created_at,
    latest.edited_at,
    latest.first_observed_at,
    latest.observed_at as last_observed_at,
    latest.title,
    latest.body,
    latest.url,
    latest.permalink,
    latest.tags,
    latest.author_key,
    latest.author_role,
    latest.is_by_contributor,
    latest.score,
    latest.upvote_ratio,
    latest.reply_count,
    latest.award_count,
    latest.view_count,
    latest.share_count,
    latest.removal,
    scores.sentiment_score,
    scores.sentiment_label
from latest
left join scores
    on latest.platform = scores.platform
    and latest.community = scores.community
    and latest.contribution_id = scores.contribution_id
    and latest.text_sha256 = scores.text_sha256
