with

calendar as (

    {{ brand_calendar(ref('int_listening_months'), ref('stg_brands')) }}

),

mentions as (

    select
        *,
        -- Who cannot be told apart is no person: each contribution of theirs is a voice of its own.
        case when author_key is not null then author_key else concat('contribution ', contribution_id) end as voice
    from {{ ref('int_brand_mentions_of_months') }}
    where decision = 'accepted'

),

counted as (

    select
        platform,
        community,
        month_start_date,
        brand,
        count(*) as mentions_n,
        count(sentence_score) as scored_n,
        count(case when sentence_label = 'negative' then 1 end) as negative_n,
        count(case when sentence_label = 'neutral' then 1 end) as neutral_n,
        count(case when sentence_label = 'positive' then 1 end) as positive_n
    from mentions
    group by platform, community, month_start_date, brand

),

-- However often somebody names a brand, it is one voice. Sums of exact parts: the order of rows cannot show.
voices as (

    select
        platform,
        community,
        month_start_date,
        brand,
        author_platform,
        voice,
        cast(sum(cast(sentence_score as decimal(18, 4))) as double) / count(*) as voice_score
    from mentions
    where sentence_score is not null
    group by platform, community, month_start_date, brand, author_platform, voice

),

summed as (

    select
        platform,
        community,
        month_start_date,
        brand,
        count(*) as voices_n,
        cast(sum(cast(voice_score as decimal(18, 9))) as double) as scores_sum,
        cast(sum(cast(voice_score * voice_score as decimal(18, 9))) as double) as scores_squares
    from voices
    group by platform, community, month_start_date, brand

),

joined as (

    select
        calendar.*,
        cast(coalesce(counted.mentions_n, calendar.nothing_seen) as bigint) as mentions_n,
        cast(coalesce(counted.scored_n, calendar.nothing_seen) as bigint) as scored_n,
        cast(coalesce(counted.negative_n, calendar.nothing_seen) as bigint) as negative_n,
        cast(coalesce(counted.neutral_n, calendar.nothing_seen) as bigint) as neutral_n,
        cast(coalesce(counted.positive_n, calendar.nothing_seen) as bigint) as positive_n,
        cast(coalesce(summed.voices_n, calendar.nothing_seen) as bigint) as voices_n,
        summed.scores_sum / nullif(summed.voices_n, 0) as score,
        {{ sd_of_sums('summed.scores_sum', 'summed.scores_squares', 'summed.voices_n') }} as sd
    from calendar
    left join counted
        on calendar.platform = counted.platform
        and calendar.community = counted.community
        and calendar.month_start_date = counted.month_start_date
        and calendar.brand = counted.brand
    left join summed
        on calendar.platform = summed.platform
        and calendar.community = summed.community
        and calendar.month_start_date = summed.month_start_date
        and calendar.brand = summed.brand

)

select
    platform,
    community,
    month_start_date,
    brand,
    is_ours,
    mentions_n,
    scored_n,
    negative_n,
    neutral_n,
    positive_n,
    voices_n,
    case when {{ is_enough('voices_n') }} then score end as mean_sentence_score,
    case
        when {{ is_enough('voices_n') }}
            then greatest(-1.0, score - {{ student_t('(voices_n - 1)') }} * sd / sqrt(voices_n))
    end as mean_sentence_score_low,
    case
        when {{ is_enough('voices_n') }}
            then least(1.0, score + {{ student_t('(voices_n - 1)') }} * sd / sqrt(voices_n))
    end as mean_sentence_score_high,
    days_n,
    days_complete_n,
    is_period_complete,
    {{ brand_caveat({'small_n': 'not ' ~ is_enough('coalesce(voices_n, 0)')}) }} as caveat
from joined
