{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_dates() }}",
) }}

with

latest as (

    select
        platform,
        community,
        contribution_id,
        contribution_date,
        first_observed_at,
        last_observed_at,
        load_id,
        is_unproven,
        is_repeat
    from {{ ref('int_contributions_latest') }}
    where {{ is_affected('contribution_date') }}

),

observations as (

    select * from {{ ref('int_observations') }}
    where {{ is_affected('contribution_date', 'partition_day') }}

),

scores as (
    {{ judged_texts(ref('stg_text_scores'), 
        ['sentiment_score', 'sentiment_label'] + need_columns()) }}

),

-- Once a contribution was taken down, nothing of what it said is left, though some sources still hand over a title or an
-- address that spells it.
shown as (

    select
        observations.*,
        latest.first_observed_at,
        latest.is_unproven,
        latest.is_repeat,
        case when not is_removed then title end as shown_title,
        case when not is_removed then body end as shown_body,
        case when not is_removed then text_sha256 end as shown_text_sha256,
        case when not is_removed then url end as shown_url,
        case when not is_removed then permalink end as shown_permalink,
        case when is_removed then {{ no_texts() }} else tags end as shown_tags
    from observations
    inner join latest
        on observations.platform = latest.platform
        and observations.community = latest.community
        and observations.contribution_id = latest.contribution_id
        and observations.contribution_date = latest.contribution_date
        and observations.observed_at = latest.last_observed_at
        and observations.load_id = latest.load_id

)

select
    shown.platform,
    shown.community,
    shown.contribution_id,
    shown.kind,
    shown.thread_id,
    shown.parent_id,
    shown.channel,
    shown.contribution_date,
    shown.created_at,
    shown.edited_at,
    shown.first_observed_at,
    shown.observed_at as last_observed_at,
    shown.shown_title as title,
    shown.shown_body as body,
    shown.shown_url as url,
    shown.shown_permalink as permalink,
    shown.shown_tags as tags,
    {{ shown_person('shown.author_key', 'platforms') }} as author_key,
    shown.author_role,
    shown.is_by_contributor,
    shown.score,
    shown.upvote_ratio,
    shown.reply_count,
    shown.award_count,
    shown.view_count,
    shown.share_count,
    shown.removal,
    scores.sentiment_score,
    scores.sentiment_label,
    scores.is_wish,
    scores.p_wish,
    scores.is_advice,
    scores.p_advice,
    scores.is_complaint,
    scores.p_complaint,
    scores.is_recommendation_request,
    scores.p_recommendation_request,
    scores.is_support_request,
    scores.p_support_request,
    scores.is_question,
    scores.p_question,
    scores.is_experience,
    scores.p_experience,
    scores.is_promotion,
    scores.p_promotion,
    scores.rules,
    case when scores.text_sha256 is not null then '{{ var("sentiment_model_id") }}' end as model_id,
    {{ is_proven() }} as is_looked_at,
    shown.is_accepted_answer,
    coalesce(shown.is_repeat, false) as is_repeat
from shown
left join scores
    on shown.platform = scores.platform
    and shown.community = scores.community
    and shown.contribution_id = scores.contribution_id
    and shown.shown_text_sha256 = scores.text_sha256
left join {{ ref('stg_platforms') }} as platforms
    on shown.platform = platforms.platform
