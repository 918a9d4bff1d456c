with

posts as (

    select
        posts.platform,
        posts.community,
        posts.contribution_id,
        {{ period_start('month', 'posts.contribution_date') }} as month_start_date,
        case
            when promotions.contribution_id is null then 'ordinary'
            when posts.author_role = 'team' then 'team'
            else 'people'
        end as promoter
    from {{ ref('fct_contributions') }} as posts
    left join {{ ref('fct_promotions') }} as promotions
        on posts.platform = promotions.platform
        and posts.community = promotions.community
        and posts.contribution_id = promotions.contribution_id
    where posts.kind = 'post' and posts.is_looked_at and not posts.is_repeat and posts.author_role <> 'bot'

),

-- Keys are looked up below marts, where the terms of no platform hide them: nobody answers himself.
authors as (

    select
        platform,
        community,
        contribution_id,
        author_key
    from {{ ref('int_contributions_latest') }}

),

answers as (

    select
        posts.platform,
        posts.community,
        posts.month_start_date,
        posts.promoter,
        replies.sentiment_score
    from posts
    inner join {{ ref('fct_contributions') }} as replies
        on posts.platform = replies.platform
        and posts.community = replies.community
        and posts.contribution_id = replies.thread_id
        and replies.kind = 'comment'
    inner join authors as posters
        on posts.platform = posters.platform
        and posts.community = posters.community
        and posts.contribution_id = posters.contribution_id
    inner join authors as repliers
        on replies.platform = repliers.platform
        and replies.community = repliers.community
        and replies.contribution_id = repliers.contribution_id
    where replies.is_by_contributor and replies.sentiment_score is not null
        and (repliers.author_key is null or posters.author_key is null or repliers.author_key <> posters.author_key)

),

moods as (

    select
        platform,
        community,
        month_start_date,
        promoter,
        count(*) as scored_n,
        sum({{ score_units('sentiment_score') }}) as score_sum,
        sum({{ score_units('sentiment_score') }} * {{ score_units('sentiment_score') }}) as score_squares
    from answers
    group by platform, community, month_start_date, promoter

),

counted as (

    select
        platform,
        community,
        month_start_date,
        promoter,
        count(*) as posts_n
    from posts
    where promoter <> 'ordinary'
    group by platform, community, month_start_date, promoter

),

compared as (

    select
        counted.platform,
        counted.community,
        counted.month_start_date,
        counted.promoter,
        counted.posts_n,
        coalesce(moods.scored_n, 0) as scored_n,
        coalesce(usual.scored_n, 0) as usual_scored_n,
        {{ mean_score('moods.score_sum', 'moods.scored_n') }} as mean_score,
        {{ mean_score_low('moods.score_sum', 'moods.score_squares', 'moods.scored_n') }} as mean_score_low,
        {{ mean_score_high('moods.score_sum', 'moods.score_squares', 'moods.scored_n') }} as mean_score_high,
        {{ mean_score('usual.score_sum', 'usual.scored_n') }} as usual_mean_score,
        {{ mean_score_low('usual.score_sum', 'usual.score_squares', 'usual.scored_n') }} as usual_low,
        {{ mean_score_high('usual.score_sum', 'usual.score_squares', 'usual.scored_n') }} as usual_high,
        case
            when {{ is_enough('moods.scored_n') }} and {{ is_enough('usual.scored_n') }}
                then sqrt(
                    power({{ sd_of_sums('moods.score_sum', 'moods.score_squares', 'moods.scored_n') }}, 2) / moods.scored_n
                    + power({{ sd_of_sums('usual.score_sum', 'usual.score_squares', 'usual.scored_n') }}, 2)
                    / usual.scored_n
                ) / 10000
        end as difference_se
    from counted
    left join moods
        on counted.platform = moods.platform
        and counted.community = moods.community
        and counted.month_start_date = moods.month_start_date
        and counted.promoter = moods.promoter
    left join moods as usual
        on counted.platform = usual.platform
        and counted.community = usual.community
        and counted.month_start_date = usual.month_start_date
        and usual.promoter = 'ordinary'

),

measured as (

    select
        *,
        mean_score - usual_mean_score as mean_score_difference,
        case
            when difference_se > 0
                then 2 * {{ upper_tail('abs(' ~ normal_of_student(
                    '((mean_score - usual_mean_score) / difference_se)', '(least(scored_n, usual_scored_n) - 1)'
                ) ~ ')') }}
        end as p_value
    from compared

),

judged as (

    {{ clear_rows('measured', ['month_start_date'], ['platform', 'community', 'promoter']) }}

),

months as (

    select * from {{ ref('fct_community_monthly') }}

)

select
    judged.platform,
    judged.community,
    judged.month_start_date,
    judged.promoter,
    judged.posts_n,
    cast(judged.scored_n as bigint) as replies_scored_n,
    judged.mean_score as replies_mean_score,
    judged.mean_score_low as replies_mean_score_low,
    judged.mean_score_high as replies_mean_score_high,
    cast(judged.usual_scored_n as bigint) as usual_replies_scored_n,
    judged.usual_mean_score,
    judged.mean_score_difference,
    {{ difference_low('mean_score', 'mean_score_low', 'mean_score_high', 'usual_mean_score', 'usual_low', 'usual_high') }}
        as mean_score_difference_low,
    {{ difference_high('mean_score', 'mean_score_low', 'mean_score_high', 'usual_mean_score', 'usual_low', 'usual_high') }}
        as mean_score_difference_high,
    judged.p_value,
    judged.is_clear,
    case
        when judged.is_clear then case when judged.mean_score_difference < 0 then 'badly_taken' else 'well_taken' end
    end as reception,
    coalesce(months.is_period_complete, false) as is_period_complete,
    {{ caveats({
        'incomplete': 'not coalesce(months.is_period_complete, false)',
        'small_n': 'judged.difference_se is null',
    }) }} as caveat
from judged
left join months
    on judged.platform = months.platform
    and judged.community = months.community
    and judged.month_start_date = months.month_start_date
