with

months as (

    select * from {{ ref('int_community_months') }}

),

people as (

    select * from {{ ref('int_contributor_months') }}

),

-- Ascending from who wrote least: place, and what is written up to and including it.
placed as (

    select
        *,
        community_contributors + 1 - activity_rank as place,
        community_contributions - contributions_before as contributions_up_to
    from people

),

-- The part of a person that lies inside the most active 1 % and 10 %: whom the edge goes through is split, so that
-- equal people always give 0.01, 0.09 and 0.90, however many they are.
split as (

    select
        *,
        least(1.0, greatest(0.0, 0.01 * community_contributors - (activity_rank - 1))) as part_in_top_1,
        least(1.0, greatest(0.0, 0.10 * community_contributors - (activity_rank - 1))) as part_in_top_10,
        cast((2 * place - 1) * contributions - 2 * contributions_up_to as decimal(19, 0)) as deviation,
        cast(contributions as decimal(19, 0)) as amount
    from placed

),

-- Sums of whole numbers and of exact parts of them, so that the order of rows cannot show in the last digit.
summed as (

    select
        platform,
        community,
        month_start_date,
        count(*) as contributors,
        sum(contributions) as contributions,
        sum(place * contributions) as placed_sum,
        sum(deviation) as deviation_sum,
        sum(deviation * deviation) as deviation_squares,
        sum(deviation * amount) as deviation_products,
        sum(amount * amount) as squares,
        sum(cast(part_in_top_1 as decimal(10, 2)) * contributions) as top_1_contributions,
        sum(cast(part_in_top_10 as decimal(10, 2)) * contributions) as top_10_contributions,
        count(case when 2 * contributions_before < community_contributions then 1 end) as half_activity_contributors,
        count(case when role = 'core' then 1 end) as core_n,
        count(case when role = 'regular' then 1 end) as regular_n,
        count(case when role = 'casual' then 1 end) as casual_n
    from split
    group by platform, community, month_start_date

),

-- Gini's coefficient with small-sample correction, and its variance: Davidson, R. (2009), Journal of Econometrics 150,
-- 30-40, in sums.
with_gini as (

    select
        *,
        {{ share(
            '(2 * placed_sum - (contributors + 1) * contributions)', '((contributors - 1) * contributions)'
        ) }} as gini,
        {{ share('(2 * placed_sum - contributions)', 'contributions') }} as slope
    from summed

),

with_variance as (

    select
        *,
        sqrt(greatest(
            0.0,
            cast(deviation_squares as double)
            - 2 * slope * cast(deviation_products as double)
            + slope * slope * cast(squares as double)
            - (cast(deviation_sum as double) - slope * contributions)
            * (cast(deviation_sum as double) - slope * contributions) / contributors
        )) / cast(contributions as double) / nullif(contributors - 1, 0) as gini_se
    from with_gini

),

-- The last look of the month at how large the community is.
sizes as (

    select
        *,
        {{ period_start('month', 'observation_date') }} as month_start_date,
        row_number() over (
            partition by platform, community, {{ period_start('month', 'observation_date') }}
            order by observation_date desc
        ) as recency
    from {{ ref('fct_community_size_daily') }}
    where members_n is not null

),

joined as (

    select
        months.*,
        -- Zero is a claim: it needs a day that was looked at, and somebody who can see who wrote.
        case when months.days_known_n > 0 and not coalesce(months.is_without_authors, false) then 0 end as nothing_seen,
        with_variance.contributors,
        with_variance.contributions,
        with_variance.gini,
        with_variance.gini_se,
        with_variance.top_1_contributions,
        with_variance.top_10_contributions,
        with_variance.half_activity_contributors,
        with_variance.core_n,
        with_variance.regular_n,
        with_variance.casual_n,
        coalesce({{ is_enough('with_variance.contributors') }}, false) as is_told,
        sizes.members_n,
        sizes.observation_date as members_date
    from months
    left join with_variance
        on months.platform = with_variance.platform
        and months.community = with_variance.community
        and months.month_start_date = with_variance.month_start_date
    left join sizes
        on months.platform = sizes.platform
        and months.community = sizes.community
        and months.month_start_date = sizes.month_start_date
        and sizes.recency = 1

),

final as (

    select
        platform,
        community,
        month_start_date,
        cast(coalesce(contributors, nothing_seen) as bigint) as contributors,
        cast(coalesce(contributions, nothing_seen) as bigint) as contributions,
        case when is_told then gini end as gini,
        case when is_told then greatest(0.0, gini - {{ z() }} * gini_se) end as gini_low,
        case when is_told then least(1.0, gini + {{ z() }} * gini_se) end as gini_high,
        case when is_told then {{ share('top_1_contributions', 'contributions') }} end as top_1_share,
        case
            when is_told then {{ share('(top_10_contributions - top_1_contributions)', 'contributions') }}
        end as next_9_share,
        case
            when is_told then {{ share('(contributions - top_10_contributions)', 'contributions') }}
        end as rest_share,
        case when is_told then half_activity_contributors end as half_activity_contributors,
        cast(coalesce(core_n, nothing_seen) as bigint) as core_n,
        cast(coalesce(regular_n, nothing_seen) as bigint) as regular_n,
        cast(coalesce(casual_n, nothing_seen) as bigint) as casual_n,
        members_n,
        members_date,
        -- Where more people wrote than are members, membership does not say who reads; nor is who did not post silent where
        -- nobody read the comments, or the chat.
        case
            when coalesce(contributors, nothing_seen) <= members_n and {{ are_all_kinds_known('days_{}_known_n') }}
                then {{ share('(members_n - coalesce(contributors, nothing_seen))', 'members_n') }}
        end as lurker_share,
        days_n,
        days_complete_n,
        days_posts_known_n,
        days_comments_known_n,
        days_messages_known_n,
        has_threads,
        has_messages,
        authors_unobserved_n,
        is_period_complete,
        is_told
    from joined

)

select
    platform,
    community,
    month_start_date,
    contributors,
    contributions,
    gini,
    gini_low,
    gini_high,
    top_1_share,
    next_9_share,
    rest_share,
    half_activity_contributors,
    core_n,
    regular_n,
    casual_n,
    members_n,
    members_date,
    lurker_share,
    days_n,
    days_complete_n,
    is_period_complete,
    {{ caveats(merged([kind_caveats('days_{}_known_n'), {
        'authors_not_observed': 'authors_unobserved_n > 0',
        'incomplete': 'not is_period_complete',
        'not_observable': 'lurker_share is null',
        'small_n': 'contributors is not null and not is_told',
    }])) }} as caveat
from final
