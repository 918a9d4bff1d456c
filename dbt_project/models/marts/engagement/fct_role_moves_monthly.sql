{% set roles = ['core', 'regular', 'casual'] %}

with

months as (

    select * from {{ ref('int_community_months') }}

),

people as (

    select
        *,
        case
            when role_before is not null then role_before
            when new_contributor_date >= month_start_date then 'new'
            else 'absent'
        end as from_role
    from {{ ref('int_contributor_months') }}

),

arrivals as (

    select
        platform,
        community,
        month_start_date,
        from_role,
        role as to_role,
        count(*) as contributors
    from people
    group by platform, community, month_start_date, from_role, role

),

arrivals_by_origin as (

    select
        platform,
        community,
        month_start_date,
        from_role,
        sum(contributors) as contributors
    from arrivals
    group by platform, community, month_start_date, from_role

),

-- Who had the role in the month before, by the month after it.
origins as (

    select
        platform,
        community,
        cast({{ dbt.dateadd('month', 1, 'month_start_date') }} as date) as month_start_date,
        role as from_role,
        count(*) as contributors
    from people
    group by platform, community, month_start_date, role

),

-- Both months must be known: without the one before, nobody can have come from anywhere.
pairs_of_months as (

    select
        months.platform,
        months.community,
        months.month_start_date,
        months.days_n,
        months.days_complete_n,
        months.is_period_complete,
        months.is_left_censored,
        months_before.is_period_complete as is_period_before_complete,
        least(months.days_posts_known_n, months_before.days_posts_known_n) as days_posts_known_n,
        least(months.days_comments_known_n, months_before.days_comments_known_n) as days_comments_known_n,
        least(months.days_messages_known_n, months_before.days_messages_known_n) as days_messages_known_n,
        months.has_threads,
        months.has_messages,
        greatest(months.authors_unobserved_n, months_before.authors_unobserved_n) as authors_unobserved_n,
        months.history_days_n
    from months
    inner join months as months_before
        on months.platform = months_before.platform
        and months.community = months_before.community
        and months.month_start_date = cast({{ dbt.dateadd('month', 1, 'months_before.month_start_date') }} as date)
    where months.days_known_n > 0 and months_before.days_known_n > 0
        and not coalesce(months.is_without_authors, false) and not coalesce(months_before.is_without_authors, false)
        -- Where a kind was read in one of them only, roles would seem to move.
        and (months.days_posts_known_n > 0) = (months_before.days_posts_known_n > 0)
        and (months.days_comments_known_n > 0) = (months_before.days_comments_known_n > 0)
        and coalesce(months.days_messages_known_n > 0, false) = coalesce(months_before.days_messages_known_n > 0, false)

),

moves as (

    {% for from_role in roles + ['absent', 'new'] -%}
    {%- for to_role in roles + (['absent'] if from_role in roles else []) -%}
    select '{{ from_role }}' as from_role, '{{ to_role }}' as to_role
    {{ 'union all ' if (from_role, to_role) != ('new', 'casual') }}
    {%- endfor -%}
    {%- endfor %}

),

counted as (

    select
        pairs_of_months.*,
        moves.from_role,
        moves.to_role,
        case
            when moves.to_role = 'absent'
                then coalesce(origins.contributors, 0) - coalesce(arrivals_by_origin.contributors, 0)
            else coalesce(arrivals.contributors, 0)
        end as contributors,
        -- Whether of known people or of arrivals, all that a row's share is of.
        coalesce(
            case
                when moves.from_role in ('absent', 'new') then arrivals_by_origin.contributors
                else origins.contributors
            end,
            0
        ) as from_n
    from pairs_of_months
    cross join moves
    left join arrivals
        on pairs_of_months.platform = arrivals.platform
        and pairs_of_months.community = arrivals.community
        and pairs_of_months.month_start_date = arrivals.month_start_date
        and moves.from_role = arrivals.from_role
        and moves.to_role = arrivals.to_role
    left join arrivals_by_origin
        on pairs_of_months.platform = arrivals_by_origin.platform
        and pairs_of_months.community = arrivals_by_origin.community
        and pairs_of_months.month_start_date = arrivals_by_origin.month_start_date
        and moves.from_role = arrivals_by_origin.from_role
    left join origins
        on pairs_of_months.platform = origins.platform
        and pairs_of_months.community = origins.community
        and pairs_of_months.month_start_date = origins.month_start_date
        and moves.from_role = origins.from_role

),

-- A move that nobody made is no row. Who came back and who is new cannot be told apart where history has just begun.
told as (

    select
        platform,
        community,
        month_start_date,
        from_role,
        to_role,
        case when not is_left_censored or from_role not in ('absent', 'new') then contributors end as contributors,
        case when not is_left_censored or from_role not in ('absent', 'new') then from_n end as from_n,
        history_days_n,
        days_n,
        days_complete_n,
        is_period_complete,
        is_period_before_complete,
        is_left_censored,
        days_posts_known_n,
        days_comments_known_n,
        days_messages_known_n,
        has_threads,
        has_messages,
        authors_unobserved_n
    from counted
    where contributors > 0

)

select
    platform,
    community,
    month_start_date,
    from_role,
    to_role,
    cast(contributors as bigint) as contributors,
    cast(from_n as bigint) as from_n,
    case when {{ is_enough('from_n') }} then {{ share('contributors', 'from_n') }} end as move_share,
    case when {{ is_enough('from_n') }} then {{ wilson_low('contributors', 'from_n') }} end as move_share_low,
    case when {{ is_enough('from_n') }} then {{ wilson_high('contributors', 'from_n') }} end as move_share_high,
    history_days_n,
    days_n,
    days_complete_n,
    is_period_complete,
    is_period_before_complete,
    {{ caveats(merged([kind_caveats('days_{}_known_n'), {
        'authors_not_observed': 'authors_unobserved_n > 0',
        'incomplete': 'not is_period_complete or not is_period_before_complete',
        'left_censored': "is_left_censored and from_role in ('absent', 'new')",
        'small_n': 'not (' ~ is_enough('from_n') ~ ')',
    }])) }} as caveat
from told
