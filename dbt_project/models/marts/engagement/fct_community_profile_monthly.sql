{% set post_columns = ['newcomer_posts_n', 'newcomer_posts_answered_n', 'other_posts_n', 'other_posts_answered_n'] %}

with

months as (

    select * from {{ ref('int_community_months') }}

),

participation as (

    select * from {{ ref('fct_participation_monthly') }}

),

people as (

    select
        platform,
        community,
        month_start_date,
        sum(contributions) as contributions,
        sum(contributions * contributions) as contributions_squares,
        count(case when new_contributor_date < month_start_date then 1 end) as returning_contributors
    from {{ ref('int_contributor_months') }}
    group by platform, community, month_start_date

),

replies as (

    select * from {{ ref('int_reply_months') }}

),

posts as (

    select
        platform,
        community,
        month_start_date,
        sum(case when is_by_newcomer then watched_24h_n else 0 end) as newcomer_posts_n,
        sum(case when is_by_newcomer then answered_24h_n else 0 end) as newcomer_posts_answered_n,
        sum(case when is_by_newcomer then 0 else watched_24h_n end) as other_posts_n,
        sum(case when is_by_newcomer then 0 else answered_24h_n end) as other_posts_answered_n
    from {{ ref('int_newcomer_posts') }}
    group by platform, community, month_start_date

),

joined as (

    select
        participation.platform,
        participation.community,
        participation.month_start_date,
        participation.contributors,
        participation.contributions,
        participation.members_n,
        participation.days_n,
        participation.days_complete_n,
        participation.is_period_complete,
        months.is_left_censored,
        months.days_posts_known_n,
        months.days_comments_known_n,
        months.days_messages_known_n,
        months.has_threads,
        months.has_messages,
        months.authors_unobserved_n,
        months.history_days_n,
        people.contributions_squares,
        -- Who was there before the beginning of history nobody knows: then neither who returned nor who was new.
        case when not months.is_left_censored then people.returning_contributors end as returning_contributors,
        -- Who answers whom nobody knows where a kind was not read.
        case
            when {{ are_all_kinds_known('months.days_{}_known_n', of='months.') }}
                and not coalesce(months.is_without_authors, false)
                then coalesce(replies.reply_pairs_n, 0)
        end as reply_pairs_n,
        coalesce(replies.mutual_pairs_n, 0) as mutual_pairs_n,
        {%- for column in post_columns %}
        cast(case
            when not months.is_left_censored
                and not coalesce(months.is_without_authors, false)
                and months.days_posts_known_n > 0
                and months.days_comments_known_n > 0
                then coalesce(posts.{{ column }}, 0)
        end as bigint) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from participation
    inner join months
        on participation.platform = months.platform
        and participation.community = months.community
        and participation.month_start_date = months.month_start_date
    left join people
        on participation.platform = people.platform
        and participation.community = people.community
        and participation.month_start_date = people.month_start_date
    left join replies
        on participation.platform = replies.platform
        and participation.community = replies.community
        and participation.month_start_date = replies.month_start_date
    left join posts
        on participation.platform = posts.platform
        and participation.community = posts.community
        and participation.month_start_date = posts.month_start_date

),

{% set mean = share('contributions', 'contributors') -%}
{% set sd = sd_of_sums('contributions', 'contributions_squares', 'contributors') -%}
{% set are_people_enough = is_enough('contributors') -%}
{% set are_returners_told = 'returning_contributors is not null and ' ~ is_enough('contributors') -%}
{% set are_pairs_enough = is_enough('reply_pairs_n') -%}
{% set are_newcomers_enough = is_enough('newcomer_posts_n') -%}
{% set are_others_enough = is_enough('other_posts_n') -%}
{% set shares = 'newcomer_posts_answered_n', 'newcomer_posts_n', 'other_posts_answered_n', 'other_posts_n' -%}

measured as (

    select
        *,
        case when {{ are_people_enough }} then {{ mean }} end as contributions_per_contributor,
        case
            when {{ are_people_enough }} then greatest(1.0, {{ mean_low(mean, sd, 'contributors') }})
        end as contributions_per_contributor_low,
        case
            when {{ are_people_enough }} then {{ mean_high(mean, sd, 'contributors') }}
        end as contributions_per_contributor_high,
        case
            when {{ are_returners_told }} then {{ share('returning_contributors', 'contributors') }}
        end as returning_share,
        case
            when {{ are_returners_told }} then {{ wilson_low('returning_contributors', 'contributors') }}
        end as returning_share_low,
        case
            when {{ are_returners_told }} then {{ wilson_high('returning_contributors', 'contributors') }}
        end as returning_share_high,
        case when {{ are_pairs_enough }} then {{ share('mutual_pairs_n', 'reply_pairs_n') }} end as reply_reciprocity,
        case
            when {{ are_pairs_enough }} then {{ wilson_low('mutual_pairs_n', 'reply_pairs_n') }}
        end as reply_reciprocity_low,
        case
            when {{ are_pairs_enough }} then {{ wilson_high('mutual_pairs_n', 'reply_pairs_n') }}
        end as reply_reciprocity_high,
        case
            when {{ are_newcomers_enough }} then {{ share('newcomer_posts_answered_n', 'newcomer_posts_n') }}
        end as newcomer_response_rate_24h,
        case
            when {{ are_newcomers_enough }} then {{ wilson_low('newcomer_posts_answered_n', 'newcomer_posts_n') }}
        end as newcomer_response_rate_24h_low,
        case
            when {{ are_newcomers_enough }} then {{ wilson_high('newcomer_posts_answered_n', 'newcomer_posts_n') }}
        end as newcomer_response_rate_24h_high,
        case
            when {{ are_others_enough }} then {{ share('other_posts_answered_n', 'other_posts_n') }}
        end as other_response_rate_24h,
        case
            when {{ are_others_enough }} then {{ wilson_low('other_posts_answered_n', 'other_posts_n') }}
        end as other_response_rate_24h_low,
        case
            when {{ are_others_enough }} then {{ wilson_high('other_posts_answered_n', 'other_posts_n') }}
        end as other_response_rate_24h_high,
        case
            when {{ are_newcomers_enough }} and {{ are_others_enough }} then {{ share_difference(*shares) }}
        end as openness,
        case
            when {{ are_newcomers_enough }} and {{ are_others_enough }} then {{ share_difference_low(*shares) }}
        end as openness_low,
        case
            when {{ are_newcomers_enough }} and {{ are_others_enough }} then {{ share_difference_high(*shares) }}
        end as openness_high
    from joined

)

select
    platform,
    community,
    month_start_date,
    contributors,
    members_n,
    case
        when contributors >= {{ var('large_contributors') }} then 'large'
        when contributors >= {{ var('medium_contributors') }} then 'medium'
        when contributors >= {{ var('small_contributors') }} then 'small'
        when contributors is not null then 'micro'
    end as size_label,
    contributions,
    contributions_per_contributor,
    contributions_per_contributor_low,
    contributions_per_contributor_high,
    case
        when contributions_per_contributor >= {{ var('intense_contributions') }} then 'intense'
        when contributions_per_contributor >= {{ var('steady_contributions') }} then 'steady'
        when contributions_per_contributor is not null then 'light'
    end as intensity_label,
    returning_contributors,
    history_days_n,
    returning_share,
    returning_share_low,
    returning_share_high,
    cast(reply_pairs_n as bigint) as reply_pairs_n,
    reply_reciprocity,
    reply_reciprocity_low,
    reply_reciprocity_high,
    case
        when returning_share is null or reply_reciprocity is null then null
        when returning_share >= {{ var('close_returning_share') }}
            and reply_reciprocity >= {{ var('close_reply_reciprocity') }} then 'close'
        when returning_share < {{ var('close_returning_share') }}
            and reply_reciprocity < {{ var('close_reply_reciprocity') }} then 'loose'
        else 'mixed'
    end as belonging_label,
    newcomer_posts_n,
    newcomer_response_rate_24h,
    newcomer_response_rate_24h_low,
    newcomer_response_rate_24h_high,
    other_posts_n,
    other_response_rate_24h,
    other_response_rate_24h_low,
    other_response_rate_24h_high,
    openness,
    openness_low,
    openness_high,
    case
        when openness_low > -{{ var('openness_margin') }} then 'open'
        when openness_high < -{{ var('openness_margin') }} then 'closed'
        when openness is not null then 'unclear'
    end as openness_label,
    days_n,
    days_complete_n,
    is_period_complete,
    {{ caveats(merged([kind_caveats('days_{}_known_n'), {
        'authors_not_observed': 'authors_unobserved_n > 0',
        'incomplete': 'not is_period_complete',
        'left_censored': 'is_left_censored',
        'not_observable': 'members_n is null',
        'small_n': 'contributors is not null and (contributions_per_contributor is null or reply_reciprocity is null '
            ~ 'or (not is_left_censored and (days_posts_known_n > 0 or days_comments_known_n > 0) and openness is null))',
    }])) }} as caveat
from measured
