{% set key = ['platform', 'community', 'month_start_date'] -%}

with

-- Zero is a claim: it needs a day that was looked at, and for people somebody who can see who wrote.
calendar as (

    select
        *,
        case when days_known_n > 0 then 0 end as nothing_seen,
        case when days_known_n > 0 and not is_without_authors then 0 end as nobody_seen
    from {{ ref('int_listening_months') }}

),

our_brands as (

    select brand from {{ ref('stg_brands') }} where is_ours

),

mentions as (

    select
        mentions.*,
        our_brands.brand is not null as is_ours
    from {{ ref('int_brand_mentions_of_months') }} as mentions
    left join our_brands on mentions.brand = our_brands.brand

),

mentions_counted as (

    select
        {{ key | join(',\n        ') }},
        count(case when decision = 'accepted' then 1 end) as mentions_of_all_n,
        count(case when decision = 'accepted' and is_ours then 1 end) as mentions_n,
        count(case when decision = 'unsure' and is_ours then 1 end) as unsure_n
    from mentions
    group by {{ key | join(', ') }}

),

-- Each person has one vote, and splits it equally over the brands that they named; several of ours have their parts.
voters as (

    select
        {{ key | join(',\n        ') }},
        author_platform,
        author_key,
        cast(count(distinct brand) as double) as brands_n,
        count(distinct case when is_ours then brand end) as ours_n
    from mentions
    where decision = 'accepted' and author_key is not null
    group by {{ key | join(', ') }}, author_platform, author_key

),

-- Sums of exact parts, so that the order of rows cannot show in the last digit.
votes as (

    select
        {{ key | join(',\n        ') }},
        count(*) as voters_n,
        count(case when ours_n > 0 then 1 end) as people_n,
        cast(sum(cast(ours_n / brands_n as decimal(19, 12))) as double) as votes_sum,
        cast(sum(cast((ours_n / brands_n) * (ours_n / brands_n) as decimal(19, 12))) as double) as votes_squares
    from voters
    group by {{ key | join(', ') }}

),

voiced as (

    select distinct
        platform,
        community,
        month_start_date,
        author_number
    from {{ ref('int_need_voices') }}
    where author_number is not null

),

-- Whether texts of the month could be judged; of all communities together, whether those of any could.
needs_by_community as (

    select
        {{ key | join(',\n        ') }},
        max(case when people_n is not null then 1 else 0 end) as seen,
        max(case when coalesce(caveat like '%not_supported%', false) then 1 else 0 end) as unsupported
    from {{ ref('fct_needs_monthly') }}
    where topic_id is null
    group by {{ key | join(', ') }}

),

needs_seen as (

    select * from needs_by_community
    union all
    select
        '*' as platform,
        '*' as community,
        month_start_date,
        max(seen) as seen,
        max(unsupported) as unsupported
    from needs_by_community
    group by month_start_date

),

-- Where the terms of a platform let nobody be ranked, nobody knows who its advocates are.
advocate_places as (

    select
        calendar.platform,
        calendar.community,
        calendar.month_start_date,
        case when platforms.may_rank_persons then 1 else 0 end as is_allowed
    from calendar
    left join {{ ref('dim_platforms') }} as platforms on calendar.platform = platforms.platform
    where calendar.community <> '*'

),

advocate_scopes as (

    select
        {{ key | join(',\n        ') }},
        false as is_partly_allowed
    from advocate_places
    where is_allowed = 1
    union all
    select
        '*' as platform,
        '*' as community,
        month_start_date,
        min(is_allowed) = 0 as is_partly_allowed
    from advocate_places
    group by month_start_date
    having max(is_allowed) = 1

),

our_advocates as (

    select distinct
        platform,
        community,
        month_start_date,
        author_key
    from {{ ref('fct_advocates_monthly') }}
    where is_ours

),

{# People of each community, and of all together, where a person of a platform counts once. -#}
{% for counted, people, person in [
    ('voiced_needs', 'voiced', 'author_number'), ('advocates', 'our_advocates', 'author_key')
] -%}
{{ counted }} as (

    select
        {{ key | join(',\n        ') }},
        count(*) as people_n
    from {{ people }}
    group by {{ key | join(', ') }}
    union all
    select
        '*' as platform,
        '*' as community,
        month_start_date,
        count(*) as people_n
    from (select distinct platform, month_start_date, {{ person }} from {{ people }}) as persons
    group by month_start_date

),

{% endfor -%}
-- What people made of our brands, each contribution once however it shows: told at first hand, pictured, or an entry.
made as (

    select
        voices.platform,
        voices.community,
        voices.month_start_date,
        voices.contribution_id,
        voices.is_repeat,
        true as is_said,
        voices.is_experience is not null as is_judged,
        voices.is_picture or coalesce(voices.is_experience and not coalesce(voices.is_promotion, false), false) as is_made
    from {{ ref('int_brand_voices') }} as voices
    inner join our_brands on voices.brand = our_brands.brand
    union all
    select
        entries.platform,
        entries.community,
        entries.month_start_date,
        entries.contribution_id,
        entries.is_repeat,
        false as is_said,
        false as is_judged,
        true as is_made
    from {{ ref('int_contest_entries') }} as entries
    inner join our_brands on entries.brand = our_brands.brand

),

made_counted as (

    select
        {{ key | join(',\n        ') }},
        count(distinct case when is_made then contribution_id end) as posts_n,
        count(case when is_said then 1 end) as said_n,
        count(case when is_judged then 1 end) as judged_n
    from made
    group by {{ key | join(', ') }}
    union all
    select
        '*' as platform,
        '*' as community,
        month_start_date,
        count(distinct case when is_made then concat(platform, '/', contribution_id) end) as posts_n,
        count(case when is_said then 1 end) as said_n,
        count(case when is_judged then 1 end) as judged_n
    from made
    where {{ is_counted_once() }}
    group by month_start_date

),

-- What the team gives and asks for; what stands in two communities counts once there already.
given as (

    select
        {{ key | join(',\n        ') }},
        helps_n,
        pitches_n,
        judged_n < team_n as is_partly_judged
    from {{ ref('fct_value_to_pitch') }}
    union all
    select
        '*' as platform,
        '*' as community,
        month_start_date,
        cast(sum(helps_n) as bigint) as helps_n,
        cast(sum(pitches_n) as bigint) as pitches_n,
        sum(judged_n) < sum(team_n) as is_partly_judged
    from {{ ref('fct_value_to_pitch') }}
    group by month_start_date

),

-- Communities have usual moods of their own, so all together is the mean of their differences, each with its replies.
received as (

    select
        {{ key | join(',\n        ') }},
        replies_scored_n,
        mean_score_difference,
        mean_score_difference_low,
        mean_score_difference_high
    from {{ ref('fct_promotion_reception') }}
    where promoter = 'team'
    union all
    select
        '*' as platform,
        '*' as community,
        month_start_date,
        {% set told = 'case when mean_score_difference is not null then replies_scored_n end' -%}
        {%- set mean = 'sum(replies_scored_n * mean_score_difference) / sum(' ~ told ~ ')' -%}
        cast(sum(replies_scored_n) as bigint) as replies_scored_n,
        {{ mean }} as mean_score_difference,
        {% for bound, sign in {'low': '-', 'high': '+'}.items() -%}
        {{ mean }} {{ sign }} sqrt(sum(power(
            replies_scored_n * (mean_score_difference - mean_score_difference_{{ bound }}), 2
        ))) / sum({{ told }}) as mean_score_difference_{{ bound }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('fct_promotion_reception') }}
    where promoter = 'team'
    group by month_start_date

),

share_of_voice as (

    select
        calendar.*,
        mentions_counted.mentions_of_all_n,
        mentions_counted.mentions_n,
        mentions_counted.unsure_n,
        cast(coalesce(votes.voters_n, calendar.nobody_seen) as bigint) as voters_n,
        cast(coalesce(votes.people_n, calendar.nobody_seen) as bigint) as people_n,
        votes.votes_sum,
        votes.votes_squares
    from calendar
    left join mentions_counted
        {%- for column in key %}
        {{ 'on' if loop.first else 'and' }} calendar.{{ column }} = mentions_counted.{{ column }}
        {%- endfor %}
    left join votes
        {%- for column in key %}
        {{ 'on' if loop.first else 'and' }} calendar.{{ column }} = votes.{{ column }}
        {%- endfor %}
    where exists (select 1 from our_brands)

),

joined as (

    select
        calendar.*,
        cast(case
            when coalesce(needs_seen.seen, 0) = 1 then coalesce(voiced_needs.people_n, calendar.nobody_seen)
        end as bigint) as needs_people_n,
        coalesce(needs_seen.seen = 0 and needs_seen.unsupported = 1, false) as is_needs_unsupported,
        advocate_scopes.community is not null as has_advocates,
        coalesce(advocate_scopes.is_partly_allowed, false) as is_partly_allowed,
        cast(coalesce(advocates.people_n, calendar.nobody_seen) as bigint) as advocates_n,
        cast(case
            when coalesce(made_counted.said_n, 0) = 0 or made_counted.judged_n > 0
                then coalesce(made_counted.posts_n, calendar.nothing_seen)
        end as bigint) as made_n,
        coalesce(made_counted.said_n > 0 and made_counted.judged_n = 0, false) as is_made_unsupported,
        given.community is not null as has_team,
        given.helps_n,
        given.pitches_n,
        given.helps_n + given.pitches_n as given_n,
        coalesce(given.is_partly_judged, false) as is_partly_judged,
        received.community is not null as has_promotions,
        received.replies_scored_n,
        received.mean_score_difference,
        received.mean_score_difference_low,
        received.mean_score_difference_high
    from calendar
    {%- for relation in ['voiced_needs', 'needs_seen', 'advocate_scopes', 'advocates', 'made_counted', 'given', 'received'] %}
    left join {{ relation }}
        {%- for column in key %}
        {{ 'on' if loop.first else 'and' }} calendar.{{ column }} = {{ relation }}.{{ column }}
        {%- endfor %}
    {%- endfor %}

),

figures as (

    {% set enough = is_enough('voters_n') -%}
    select
        {{ key | join(',\n        ') }},
        'share_of_voice' as kpi,
        case when {{ enough }} then {{ share('votes_sum', 'voters_n') }} end as value,
        voters_n as n,
        case when {{ enough }} then {{ votes_low('votes_sum', 'votes_squares', 'voters_n') }} end as value_low,
        case when {{ enough }} then {{ votes_high('votes_sum', 'votes_squares', 'voters_n') }} end as value_high,
        days_n,
        days_complete_n,
        {{ brand_caveat({
            'many_unsure': 'unsure_n > mentions_n',
            'small_n': 'coalesce(mentions_of_all_n, 0) < ' ~ var('share_of_voice_min_mentions')
                ~ ' or not ' ~ is_enough('coalesce(voters_n, 0)'),
        }) }} as caveat
    from share_of_voice
    union all
    {#- Counts: what is counted is its own n, and has no error of its own. #}
    {%- for kpi, of in {
        'awareness': {
            'value': 'people_n', 'relation': 'share_of_voice', 'where': 'true',
            'caveats': {'many_unsure': 'unsure_n > mentions_n'},
        },
        'needs_voiced': {
            'value': 'needs_people_n', 'relation': 'joined', 'where': 'true',
            'caveats': {'not_supported': 'is_needs_unsupported'},
        },
        'advocates': {
            'value': 'advocates_n', 'relation': 'joined', 'where': 'has_advocates and exists (select 1 from our_brands)',
            'caveats': {'partly_observed': 'is_partly_allowed'},
        },
        'user_made_posts': {
            'value': 'made_n', 'relation': 'joined', 'where': 'exists (select 1 from our_brands)',
            'caveats': {'not_supported': 'is_made_unsupported'},
        },
    }.items() %}
    select
        {{ key | join(',\n        ') }},
        '{{ kpi }}' as kpi,
        cast({{ of.value }} as double) as value,
        {{ of.value }} as n,
        cast(null as double) as value_low,
        cast(null as double) as value_high,
        days_n,
        days_complete_n,
        {{ brand_caveat(of.caveats) }} as caveat
    from {{ of.relation }}
    where {{ of.where }}
    union all
    {%- endfor %}
    {% set enough = is_enough('given_n') -%}
    select
        {{ key | join(',\n        ') }},
        'value_to_pitch' as kpi,
        case when {{ enough }} then {{ share('helps_n', 'given_n') }} end as value,
        given_n as n,
        case when {{ enough }} then {{ wilson_low('helps_n', 'given_n') }} end as value_low,
        case when {{ enough }} then {{ wilson_high('helps_n', 'given_n') }} end as value_high,
        days_n,
        days_complete_n,
        {{ brand_caveat({
            'partly_observed': 'is_partly_judged',
            'small_n': 'given_n is not null and not ' ~ is_enough('given_n'),
        }) }} as caveat
    from joined
    where has_team
    union all
    select
        {{ key | join(',\n        ') }},
        'promotion_reception' as kpi,
        mean_score_difference as value,
        replies_scored_n as n,
        mean_score_difference_low as value_low,
        mean_score_difference_high as value_high,
        days_n,
        days_complete_n,
        {{ brand_caveat({'small_n': 'mean_score_difference is null'}) }} as caveat
    from joined
    where has_promotions

)

select
    platform,
    community,
    month_start_date,
    kpi,
    value,
    cast(n as bigint) as n,
    value_low,
    value_high,
    cast(days_n as bigint) as days_n,
    cast(days_complete_n as bigint) as days_complete_n,
    caveat
from figures
