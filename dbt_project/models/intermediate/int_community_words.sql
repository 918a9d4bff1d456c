with

-- Months in which some word was used by three people: of others `pulse discover` keeps nothing.
counted as (

    select *
    from (
        select
            *,
            max(authors_n) over (partition by platform, community, month_start_date) as most_authors_n
        from {{ ref('int_word_months') }}
        where community <> '*'
    ) as each_word
    where most_authors_n >= {{ var('keyword_min_authors') }}

),

last_months as (

    select
        platform,
        max(month_start_date) as last_month
    from counted
    group by platform

),

recent as (

    select counted.*
    from counted
    inner join last_months
        on counted.platform = last_months.platform
    where counted.month_start_date > {{ dbt.dateadd('month', -var('discovery_months'), 'last_months.last_month') }}

),

months as (

    select
        platform,
        community,
        sum(all_words_n) as all_words_n,
        count(*) as months_n
    from (select distinct platform, community, month_start_date, all_words_n from recent) as each_month
    group by platform, community

),

people as (

    select
        monthly.platform,
        monthly.community,
        sum(case when not calendar.is_without_authors then monthly.contributors end) as people_n,
        sum(monthly.posts + monthly.comments + monthly.messages) as contributions_n
    from {{ ref('int_community_periods') }} as monthly
    inner join (select distinct platform, community, month_start_date from recent) as known
        on monthly.platform = known.platform
        and monthly.community = known.community
        and monthly.period_start_date = known.month_start_date
    inner join {{ ref('int_community_months') }} as calendar
        on known.platform = calendar.platform
        and known.community = calendar.community
        and known.month_start_date = calendar.month_start_date
    where monthly.period = 'month'
    group by monthly.platform, monthly.community

),

spellings as (

    select
        word_id,
        min(word) as word
    from {{ ref('stg_spellings') }}
    where {{ period_start('month', 'partition_day') }} in (select month_start_date from recent)
    group by word_id

),

followed as (

    select
        recent.platform,
        recent.community,
        true as is_followed,
        spellings.word,
        sum(recent.authors_n) as authors_n,
        sum(
            case when recent.authors_n >= {{ var('keyword_min_authors') }} then recent.authors_n else 0 end
        ) as comparable_authors_n,
        max(months.all_words_n) as all_words_n,
        max(people.people_n) as people_n,
        max(people.contributions_n) as contributions_n,
        max(cast(months.months_n as double)) as months_n
    from recent
    inner join spellings
        on recent.word_id = spellings.word_id
    inner join months
        on recent.platform = months.platform
        and recent.community = months.community
    left join people
        on recent.platform = people.platform
        and recent.community = people.community
    group by recent.platform, recent.community, spellings.word

),

-- What was read once and is followed now speaks for itself.
candidates as (

    select
        candidates.*,
        max(candidates.month_start_date) over (partition by candidates.platform, candidates.community) as last_month
    from {{ ref('stg_candidate_words') }} as candidates
    left join months
        on candidates.platform = months.platform
        and candidates.community = months.community
    where months.platform is null and candidates.authors_n >= {{ var('keyword_min_authors') }}

),

-- Its own last months: a file may be of another time than what is followed.
recent_candidates as (

    select * from candidates
    where month_start_date > {{ dbt.dateadd('month', -var('discovery_months'), 'last_month') }}

),

candidate_months as (

    select
        platform,
        community,
        sum(all_words_n) as all_words_n,
        sum(people_n) as people_n,
        sum(contributions_n) as contributions_n,
        cast(count(*) as double) as months_n
    from (
        select distinct platform, community, month_start_date, all_words_n, people_n, contributions_n
        from recent_candidates
    ) as each_month
    group by platform, community

),

discovered as (

    select
        recent_candidates.platform,
        recent_candidates.community,
        false as is_followed,
        recent_candidates.word,
        sum(recent_candidates.authors_n) as authors_n,
        sum(recent_candidates.authors_n) as comparable_authors_n,
        max(candidate_months.all_words_n) as all_words_n,
        max(candidate_months.people_n) as people_n,
        max(candidate_months.contributions_n) as contributions_n,
        max(candidate_months.months_n) as months_n
    from recent_candidates
    inner join candidate_months
        on recent_candidates.platform = candidate_months.platform
        and recent_candidates.community = candidate_months.community
    group by recent_candidates.platform, recent_candidates.community, recent_candidates.word

),

together as (

    select * from followed
    union all
    select * from discovered

),

totals as (

    select
        word,
        sum(comparable_authors_n) as authors_n
    from together
    group by word

),

all_totals as (

    select sum(all_words_n) as all_words_n
    from (select platform, community, max(all_words_n) as all_words_n from together group by platform, community)
        as each_community

)

-- The square root of the word's share here, times how much more that is than in all communities: words that all use as
-- much weigh nothing, rare ones little.
select
    together.platform,
    together.community,
    together.is_followed,
    together.word,
    cast(together.authors_n as bigint) as authors_n,
    cast(together.comparable_authors_n as bigint) as comparable_authors_n,
    cast(together.all_words_n as bigint) as all_words_n,
    cast(together.people_n as bigint) as people_n,
    cast(together.contributions_n as bigint) as contributions_n,
    together.months_n,
    case
        when together.comparable_authors_n > 0
            then sqrt({{ share('together.comparable_authors_n', 'together.all_words_n') }}) * greatest(0.0, ln(
                {{ share('together.comparable_authors_n', 'together.all_words_n') }}
                / ({{ share('totals.authors_n', 'all_totals.all_words_n') }})
            ))
        else 0.0
    end as weight
from together
inner join totals
    on together.word = totals.word
cross join all_totals
where together.authors_n >= {{ var('keyword_min_authors') }}
