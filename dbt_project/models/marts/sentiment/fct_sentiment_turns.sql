{%- set window_days = var('turn_window_days') -%}

with

voices as (

    select * from {{ ref('int_sentiment_voices') }}

),

calendar as (

    select * from {{ ref('fct_community_daily') }}

),

spans as (

    select
        platform,
        community,
        min(contribution_date) as first_date,
        max(case when is_day_complete then contribution_date end) as last_date
    from calendar
    group by platform, community

),

-- Whole numbers throughout, so that the order of rows cannot show.
days as (

    select
        voices.platform,
        voices.community,
        voices.contribution_date,
        count(*) as voices_n,
        sum(voices.voice) as net_n,
        sum(abs(voices.voice)) as told_n
    from voices
    inner join spans
        on voices.platform = spans.platform
        and voices.community = spans.community
        and voices.contribution_date <= spans.last_date
    group by voices.platform, voices.community, voices.contribution_date

),

-- Days that have a whole window before them and after them.
candidates as (

    select
        calendar.platform,
        calendar.community,
        calendar.contribution_date as turn_date,
        {{ dbt.dateadd('day', -window_days, 'calendar.contribution_date') }} as first_date,
        {{ dbt.dateadd('day', window_days - 1, 'calendar.contribution_date') }} as last_date
    from calendar
    inner join spans
        on calendar.platform = spans.platform
        and calendar.community = spans.community
        and {{ dbt.dateadd('day', -window_days, 'calendar.contribution_date') }} >= spans.first_date
        and {{ dbt.dateadd('day', window_days - 1, 'calendar.contribution_date') }} <= spans.last_date

),

sides as (

    select
        candidates.platform,
        candidates.community,
        candidates.turn_date,
        days.contribution_date >= candidates.turn_date as is_after,
        count(*) as days_n,
        sum(days.voices_n) as voices_n,
        sum(days.net_n) as net_n,
        sum(days.told_n) as told_n,
        sum(days.net_n * days.net_n) as net_net_n,
        sum(days.net_n * days.voices_n) as net_voices_n,
        sum(days.voices_n * days.voices_n) as voices_voices_n
    from candidates
    inner join days
        on candidates.platform = days.platform
        and candidates.community = days.community
        and days.contribution_date between candidates.first_date and candidates.last_date
    group by candidates.platform, candidates.community, candidates.turn_date, days.contribution_date >= candidates.turn_date

),

means as (

    select
        *,
        cast(net_n as double) / voices_n as net,
        cast(told_n as double) / voices_n as told
    from sides

),

-- Days differ by more than chance among voices would make them: a match, a holiday, a thread that everybody is in. So the
-- day is what was drawn (the variance of a ratio over clusters), and never less than voices alone would vary. Without the
-- 1/n, sides that are of one mind would have no variance, and no turn between them would ever be found.
variances as (

    select
        *,
        greatest(
            (net_net_n - 2 * net * net_voices_n + net * net * voices_voices_n)
            / (cast(voices_n as double) * voices_n) * days_n / nullif(days_n - 1, 0),
            (told - net * net + 1.0 / voices_n) / voices_n
        ) as net_variance
    from means
    where days_n * 2 >= {{ window_days }} and voices_n >= {{ var('turn_min_voices') }}

),

steps as (

    select
        earlier.platform,
        earlier.community,
        earlier.turn_date,
        round(later.net - earlier.net, 9) as net_change,
        round((later.net - earlier.net) / sqrt(later.net_variance + earlier.net_variance), 6) as z
    from variances as earlier
    inner join variances as later
        on earlier.platform = later.platform
        and earlier.community = later.community
        and earlier.turn_date = later.turn_date
    where not earlier.is_after and later.is_after

),

steep as (

    select * from steps
    where abs(z) >= {{ var('turn_min_z') }} and abs(net_change) >= {{ var('turn_min_change') }}

),

-- One turn shows on all days about it: the steepest one counts, the earliest of equals.
peaks as (

    select steep.*
    from steep
    where not exists (
        select 1
        from steps as other
        where other.platform = steep.platform
            and other.community = steep.community
            and other.turn_date <> steep.turn_date
            and other.turn_date between {{ dbt.dateadd('day', 1 - window_days, 'steep.turn_date') }}
                and {{ dbt.dateadd('day', window_days - 1, 'steep.turn_date') }}
            and (
                abs(other.z) > abs(steep.z)
                or (abs(other.z) = abs(steep.z) and other.turn_date < steep.turn_date)
            )
    )

),

-- Each person once a side: a few who are there every day make no turn of a community.
people as (

    select
        peaks.platform,
        peaks.community,
        peaks.turn_date,
        voices.contribution_date >= peaks.turn_date as is_after,
        voices.author_key,
        sum(voices.voice) as net_n
    from peaks
    inner join candidates
        on peaks.platform = candidates.platform
        and peaks.community = candidates.community
        and peaks.turn_date = candidates.turn_date
    inner join voices
        on peaks.platform = voices.platform
        and peaks.community = voices.community
        and voices.contribution_date between candidates.first_date and candidates.last_date
    group by
        peaks.platform, peaks.community, peaks.turn_date, voices.contribution_date >= peaks.turn_date, voices.author_key

),

people_counted as (

    select
        platform,
        community,
        turn_date,
        is_after,
        count(*) as people_n,
        cast(sum(sign(net_n)) as double) / count(*) as net,
        cast(sum(abs(sign(net_n))) as double) / count(*) as told
    from people
    group by platform, community, turn_date, is_after

),

people_by_side as (

    select
        *,
        (told - net * net + 1.0 / people_n) / people_n as net_variance
    from people_counted

),

completeness as (

    select
        candidates.platform,
        candidates.community,
        candidates.turn_date,
        count(case when calendar.is_day_complete then 1 end) as days_complete_n
    from candidates
    inner join calendar
        on candidates.platform = calendar.platform
        and candidates.community = calendar.community
        and calendar.contribution_date between candidates.first_date and candidates.last_date
    group by candidates.platform, candidates.community, candidates.turn_date

),

joined as (

    select
        peaks.platform,
        peaks.community,
        peaks.turn_date,
        peaks.net_change,
        peaks.z,
        before_side.voices_n as voices_before_n,
        cast((before_side.told_n + before_side.net_n) / 2 as bigint) as positive_before_n,
        cast((before_side.told_n - before_side.net_n) / 2 as bigint) as negative_before_n,
        after_side.voices_n as voices_after_n,
        cast((after_side.told_n + after_side.net_n) / 2 as bigint) as positive_after_n,
        cast((after_side.told_n - after_side.net_n) / 2 as bigint) as negative_after_n,
        people_before.people_n as people_before_n,
        people_after.people_n as people_after_n,
        (people_after.net - people_before.net) / sqrt(people_after.net_variance + people_before.net_variance) as people_z,
        completeness.days_complete_n
    from peaks
    inner join sides as before_side
        on peaks.platform = before_side.platform
        and peaks.community = before_side.community
        and peaks.turn_date = before_side.turn_date
        and not before_side.is_after
    inner join sides as after_side
        on peaks.platform = after_side.platform
        and peaks.community = after_side.community
        and peaks.turn_date = after_side.turn_date
        and after_side.is_after
    inner join people_by_side as people_before
        on peaks.platform = people_before.platform
        and peaks.community = people_before.community
        and peaks.turn_date = people_before.turn_date
        and not people_before.is_after
    inner join people_by_side as people_after
        on peaks.platform = people_after.platform
        and peaks.community = people_after.community
        and peaks.turn_date = people_after.turn_date
        and people_after.is_after
    inner join completeness
        on peaks.platform = completeness.platform
        and peaks.community = completeness.community
        and peaks.turn_date = completeness.turn_date

)

select
    platform,
    community,
    turn_date,
    case when net_change > 0 then 'up' else 'down' end as direction,
    '{{ var("sentiment_model_id") }}' as model_id,
    cast(voices_before_n as bigint) as voices_before_n,
    cast(people_before_n as bigint) as people_before_n,
    {{ net_sentiment('positive_before_n', 'negative_before_n', 'voices_before_n') }} as net_before,
    {{ net_sentiment_low('positive_before_n', 'negative_before_n', 'voices_before_n') }} as net_before_low,
    {{ net_sentiment_high('positive_before_n', 'negative_before_n', 'voices_before_n') }} as net_before_high,
    cast(voices_after_n as bigint) as voices_after_n,
    cast(people_after_n as bigint) as people_after_n,
    {{ net_sentiment('positive_after_n', 'negative_after_n', 'voices_after_n') }} as net_after,
    {{ net_sentiment_low('positive_after_n', 'negative_after_n', 'voices_after_n') }} as net_after_low,
    {{ net_sentiment_high('positive_after_n', 'negative_after_n', 'voices_after_n') }} as net_after_high,
    net_change,
    z,
    round(people_z, 6) as people_z,
    cast({{ 2 * window_days }} as bigint) as days_n,
    days_complete_n,
    days_complete_n = {{ 2 * window_days }} as is_period_complete,
    {{ caveats({'incomplete': 'days_complete_n < ' ~ 2 * window_days}) }} as caveat
from joined
where sign(people_z) = sign(z) and abs(people_z) >= {{ z() }}
