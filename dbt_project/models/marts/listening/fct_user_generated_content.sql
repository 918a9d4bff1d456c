with

calendar as (

    {{ brand_calendar(ref('int_listening_months'), ref('stg_brands')) }}

),

-- Each community, and all together, where a contribution that stands in two counts once.
said as (

    select
        platform,
        community,
        month_start_date,
        brand,
        platform as author_platform,
        contribution_id,
        author_key,
        is_picture,
        is_experience,
        coalesce(is_promotion, false) as is_promotion,
        verdict
    from {{ ref('int_brand_voices') }}
    union all
    select
        '*' as platform,
        '*' as community,
        month_start_date,
        brand,
        platform as author_platform,
        contribution_id,
        author_key,
        is_picture,
        is_experience,
        coalesce(is_promotion, false) as is_promotion,
        verdict
    from {{ ref('int_brand_voices') }}
    where {{ is_counted_once() }}

),

counted as (

    select
        platform,
        community,
        month_start_date,
        brand,
        count(*) as said_n,
        count(is_experience) as judged_n,
        count(case when is_experience and not is_promotion then 1 end) as experiences_n,
        count(case when is_experience and is_promotion then 1 end) as promotions_n,
        count(case when is_picture then 1 end) as pictures_n
    from said
    group by platform, community, month_start_date, brand

),

-- However often somebody tells of a brand, it is one voice; who cannot be told apart is one each time.
voices as (

    select
        platform,
        community,
        month_start_date,
        brand,
        author_platform,
        author_key,
        case when author_key is null then contribution_id end as contribution_id,
        max(case when verdict in ('good', 'mixed') then 1 else 0 end) as has_good,
        max(case when verdict in ('bad', 'mixed') then 1 else 0 end) as has_bad
    from said
    where is_experience and not is_promotion
    group by
        platform, community, month_start_date, brand, author_platform, author_key,
        case when author_key is null then contribution_id end

),

balanced as (

    select
        platform,
        community,
        month_start_date,
        brand,
        count(author_key) as people_n,
        sum(case when has_good = 1 and has_bad = 0 then 1 else 0 end) as good_n,
        sum(case when has_good = 1 and has_bad = 1 then 1 else 0 end) as mixed_n,
        sum(case when has_good = 0 and has_bad = 1 then 1 else 0 end) as bad_n
    from voices
    group by platform, community, month_start_date, brand

),

entered as (

    select platform, community, month_start_date, brand, contribution_id, platform as author_platform
    from {{ ref('int_contest_entries') }}
    union all
    select '*' as platform, '*' as community, month_start_date, brand, contribution_id, platform as author_platform
    from {{ ref('int_contest_entries') }}
    where {{ is_counted_once() }}

),

entries as (

    select
        platform,
        community,
        month_start_date,
        brand,
        count(*) as entries_n
    from (
        select distinct platform, community, month_start_date, brand, contribution_id, author_platform from entered
    ) as contributions
    group by platform, community, month_start_date, brand

),

joined as (

    select
        calendar.*,
        coalesce(counted.said_n > 0 and counted.judged_n = 0, false) as is_unsupported,
        counted.judged_n,
        {%- for relation, columns in {
            'counted': ['experiences_n', 'promotions_n'], 'balanced': ['good_n', 'mixed_n', 'bad_n'],
        }.items() %}
        {%- for column in columns %}
        cast(case
            when counted.said_n is null or counted.judged_n > 0
                then coalesce({{ relation }}.{{ column }}, 0) + calendar.nothing_seen
        end as bigint) as {{ column }},
        {%- endfor %}
        {%- endfor %}
        cast(case
            when counted.said_n is null or counted.judged_n > 0
                then coalesce(balanced.people_n, 0) + calendar.nobody_seen
        end as bigint) as people_n,
        cast(coalesce(counted.pictures_n, 0) + calendar.nothing_seen as bigint) as pictures_n,
        cast(coalesce(entries.entries_n, 0) + calendar.nothing_seen as bigint) as contest_entries_n
    from calendar
    {%- for relation in ['counted', 'balanced', 'entries'] %}
    left join {{ relation }}
        on calendar.platform = {{ relation }}.platform
        and calendar.community = {{ relation }}.community
        and calendar.month_start_date = {{ relation }}.month_start_date
        and calendar.brand = {{ relation }}.brand
    {%- endfor %}

),

told as (

    select *, good_n + mixed_n + bad_n as told_n from joined

)

select
    platform,
    community,
    month_start_date,
    brand,
    is_ours,
    experiences_n,
    people_n,
    good_n,
    mixed_n,
    bad_n,
    told_n,
    case when {{ is_enough('told_n') }} then {{ share('good_n', 'told_n') }} end as good_share,
    case when {{ is_enough('told_n') }} then {{ wilson_low('good_n', 'told_n') }} end as good_share_low,
    case when {{ is_enough('told_n') }} then {{ wilson_high('good_n', 'told_n') }} end as good_share_high,
    promotions_n,
    pictures_n,
    contest_entries_n,
    days_n,
    days_complete_n,
    is_period_complete,
    {{ brand_caveat({
        'nearly_all_praise': 'told_n >= ' ~ var('praise_min_voices')
            ~ ' and good_n >= ' ~ var('praise_share') ~ ' * told_n',
        'not_supported': 'is_unsupported',
        'small_n': 'not coalesce(' ~ is_enough('told_n') ~ ', false)',
    }) }} as caveat
from told
