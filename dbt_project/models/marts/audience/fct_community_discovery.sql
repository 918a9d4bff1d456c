with

fits as (

    select
        goal_kind,
        goal,
        platform,
        community,
        is_followed,
        people_n,
        months_n,
        comparable_authors_n as authors_n,
        usual_share,
        likeness
    from {{ ref('int_goal_fits') }}

),

likes as (

    select
        interest as goal,
        platform,
        community
    from {{ ref('stg_interest_communities') }}

),

own as (

    select
        platform,
        community
    from {{ ref('stg_own_communities') }}

),

profiles as (

    select
        platform,
        community,
        newcomer_response_rate_24h,
        row_number() over (partition by platform, community order by month_start_date desc) as recency
    from {{ ref('fct_community_profile_monthly') }}
    where newcomer_response_rate_24h is not null

),

-- People shared with our own communities, or with those that the interest is to be like.
shared as (

    select
        fits.goal_kind,
        fits.goal,
        fits.platform,
        fits.community,
        max(pairs.containment) as containment
    from fits
    inner join {{ ref('fct_community_overlap') }} as pairs
        on fits.platform = pairs.platform
        and fits.community = pairs.community
    left join likes
        on fits.goal = likes.goal
        and fits.goal_kind = 'interest'
        and pairs.other_platform = likes.platform
        and pairs.other_community = likes.community
    left join own
        on pairs.other_platform = own.platform
        and pairs.other_community = own.community
    where likes.community is not null or own.community is not null
    group by fits.goal_kind, fits.goal, fits.platform, fits.community

),

parts as (

    select
        fits.*,
        {{ share('fits.authors_n', 'fits.people_n') }} as people_share,
        {{ wilson_low('fits.authors_n', 'fits.people_n') }} as people_share_low,
        {{ wilson_high('fits.authors_n', 'fits.people_n') }} as people_share_high,
        fits.people_n / fits.months_n as people_per_month,
        profiles.newcomer_response_rate_24h as openness,
        shared.containment as overlap
    from fits
    left join profiles
        on fits.platform = profiles.platform
        and fits.community = profiles.community
        and profiles.recency = 1
    left join shared
        on fits.goal_kind = shared.goal_kind
        and fits.goal = shared.goal
        and fits.platform = shared.platform
        and fits.community = shared.community

),

-- Parts on one scale, by their places among the communities of which they are known; unknown is the middle.
scaled as (

    select
        *,
        -- Half where as common as everywhere; the lower bound, so that few people prove little.
        people_share_low / nullif(people_share_low + usual_share, 0) as word_fit,
        {% for part in ['people_per_month', 'openness', 'overlap'] -%}
        case
            when {{ part }} is not null then percent_rank() over (
                partition by goal_kind, goal, case when {{ part }} is null then 1 else 0 end order by {{ part }}
            )
            else 0.5
        end as {{ part }}_place{{ ',' if not loop.last }}
        {% endfor %}
    from parts

),

scored as (

    select
        *,
        greatest(coalesce(word_fit, likeness, 0.0), coalesce(likeness, word_fit, 0.0)) as fit,
        greatest(coalesce(word_fit, likeness, 0.0), coalesce(likeness, word_fit, 0.0))
            * (1 + people_per_month_place) / 2 * (1 + openness_place) / 2 * (1 + overlap_place) / 2 as score
    from scaled

)

select
    goal_kind,
    goal,
    platform,
    community,
    is_followed,
    cast(row_number() over (
        partition by goal_kind, goal order by score desc, platform, community
    ) as bigint) as place,
    score,
    fit,
    word_fit,
    likeness,
    authors_n,
    people_n,
    people_share,
    people_share_low,
    people_share_high,
    usual_share,
    people_per_month,
    openness,
    overlap,
    {{ caveats({
        'not_observable': 'openness is null or overlap is null or people_n is null',
        'small_n': 'not coalesce(' ~ is_enough('people_n') ~ ', false)',
    }) }} as caveat
from scored
