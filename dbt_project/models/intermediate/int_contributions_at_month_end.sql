{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_dates() }}",
) }}


with

-- What was seen up to the last day of the month in which it was written: looks in later months move no figure of a
-- closed one.
observations as (

    select
        *,
        {{ period_start('month', 'contribution_date') }} as month_start_date
    from {{ ref('int_observations') }}
    where {{ is_affected('contribution_date', 'partition_day') }}
        and partition_day <= {{ period_end('month', period_start('month', 'contribution_date')) }}

),

ranked as (

    select
        *,
        -- What was taken back is not judged. Said here, not in the join: a condition on one side keeps engines from hashing.
        case when not is_removed then text_sha256 end as shown_text_sha256,
        row_number() over (
            partition by platform, community, contribution_id, contribution_date
            order by observed_at desc, {{ precedence_at_same_time() }}
        ) as recency
    from observations

),

-- Scanned apart, for these few columns only.
observed_days as (

    select distinct platform, community, contribution_date, kind from {{ ref('int_observations') }}
    where {{ is_affected('contribution_date', 'partition_day') }}

),

looked_at as (

    {{ looked_at_days('observed_days', ref('int_coverage_claims')) }}

),

repeats as (

    {{ repeated_contributions(
        ref('int_observations'), ref('stg_platforms'), 'looked_at',
        is_affected('contribution_date', 'partition_day')
        ~ ' and partition_day <= ' ~ period_end('month', period_start('month', 'contribution_date'))
    ) }}

),

scores as (
    {{ judged_texts(ref('stg_text_scores'), ['sentiment_label', 'sentiment_score'] + need_flags()) }}

)

select
    ranked.platform,
    ranked.community,
    ranked.contribution_id,
    ranked.kind,
    ranked.thread_id,
    ranked.parent_id,
    ranked.channel,
    ranked.month_start_date,
    ranked.contribution_date,
    ranked.created_at,
    ranked.observed_at as last_observed_at,
    ranked.author_key,
    ranked.author_role,
    ranked.is_by_contributor,
    ranked.score,
    ranked.reply_count,
    ranked.award_count,
    {{ map_total('ranked.reactions') }} as reaction_count,
    ranked.is_removed,
    ranked.is_accepted_answer,
    ranked.source,
    scores.sentiment_label,
    scores.sentiment_score,
    {%- for flag in need_flags() %}
    scores.{{ flag }},
    {%- endfor %}
    not ranked.is_removed and {{ shown_form('ranked.url', "''") }} = 'picture' as is_picture,
    {{ hash_number('ranked.shown_text_sha256') }} as text_id,
    looked_at.kind is null as is_unproven,
    repeats.contribution_id is not null as is_repeat
from ranked
left join looked_at
    on ranked.platform = looked_at.platform
    and ranked.community = looked_at.community
    and ranked.contribution_date = looked_at.contribution_date
    and ranked.kind = looked_at.kind
left join repeats
    on ranked.platform = repeats.platform
    and ranked.community = repeats.community
    and ranked.contribution_id = repeats.contribution_id
    and ranked.contribution_date = repeats.contribution_date
left join scores
    on ranked.platform = scores.platform
    and ranked.community = scores.community
    and ranked.contribution_id = scores.contribution_id
    and ranked.shown_text_sha256 = scores.text_sha256
where ranked.recency = 1
