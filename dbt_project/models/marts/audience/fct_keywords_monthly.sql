{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_months_and_later('month_start_date') }}",
) }}

{%- set comparisons = ['others', 'before'] %}

with

counted as (

    select * from {{ ref('int_word_months') }}

),

words as (

    select * from counted
    where community <> '*' and authors_n >= {{ var('keyword_min_authors') }}
        and {{ is_month_affected_or_later('month_start_date') }}

),

of_platforms as (

    select * from counted
    where community = '*' and {{ is_month_affected_or_later('month_start_date') }}

),

-- Each month as one of those before the months that follow it.
earlier as (

    {% for months in range(1, var('keyword_months_before') + 1) -%}
    select
        platform,
        community,
        cast({{ dbt.dateadd('month', months, 'month_start_date') }} as date) as month_start_date,
        word_id,
        authors_n,
        all_words_n
    from counted
    where community <> '*'
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

earlier_months as (

    select
        platform,
        community,
        month_start_date,
        count(*) as months_n,
        sum(all_words_n) as all_words_n
    from (
        {% for months in range(1, var('keyword_months_before') + 1) -%}
        select
            platform,
            community,
            cast({{ dbt.dateadd('month', months, 'month_start_date') }} as date) as month_start_date,
            max(all_words_n) as all_words_n
        from counted
        where community <> '*'
        group by platform, community, month_start_date
        {{ 'union all' if not loop.last }}
        {% endfor %}
    ) as one_by_one
    where {{ is_month_affected_or_later('month_start_date') }}
    group by platform, community, month_start_date

),

earlier_words as (

    select
        platform,
        community,
        month_start_date,
        word_id,
        count(*) as months_n,
        sum(authors_n) as authors_n
    from earlier
    where {{ is_month_affected_or_later('month_start_date') }}
    group by platform, community, month_start_date, word_id

),

compared as (

    select
        words.platform,
        words.community,
        words.month_start_date,
        words.word_id,
        words.authors_n,
        words.all_words_n,
        nullif(of_platforms.all_words_n - words.all_words_n, 0) as all_words_others_n,
        case
            when of_platforms.all_words_n > words.all_words_n then of_platforms.authors_n - words.authors_n
        end as authors_others_n,
        earlier_months.all_words_n as all_words_before_n,
        -- Where one person used it at most, one is counted: a find should not rest on what was not kept.
        case
            when earlier_months.months_n > 0
                then coalesce(earlier_words.authors_n, 0) + earlier_months.months_n - coalesce(earlier_words.months_n, 0)
        end as authors_before_n
    from words
    inner join of_platforms
        on words.platform = of_platforms.platform
        and words.month_start_date = of_platforms.month_start_date
        and words.word_id = of_platforms.word_id
    left join earlier_months
        on words.platform = earlier_months.platform
        and words.community = earlier_months.community
        and words.month_start_date = earlier_months.month_start_date
    left join earlier_words
        on words.platform = earlier_words.platform
        and words.community = earlier_words.community
        and words.month_start_date = earlier_words.month_start_date
        and words.word_id = earlier_words.word_id

),

{% for name in comparisons %}
{%- set args = ('authors_n', 'all_words_n', 'authors_' ~ name ~ '_n', 'all_words_' ~ name ~ '_n') %}
{{ name }}_measured as (

    select
        platform,
        community,
        month_start_date,
        word_id,
        {{ log_odds_ratio(*args) }} as log_odds,
        {{ log_odds_sd(*args) }} as log_odds_sd,
        {{ binomial_z('authors_n', '(authors_n + ' ~ args[2] ~ ')', 'share_here') }} as z,
        -- The least p that so many authors could give, if all of them were here.
        power(share_here, authors_n + {{ args[2] }}) as least_p
    from (
        select
            *,
            cast(all_words_n as double) / (all_words_n + all_words_{{ name }}_n) as share_here
        from compared
        where all_words_{{ name }}_n > 0
    ) as shared

),

-- Words of so few people that no split of them could be a find are no hypotheses: Gilbert, P. B. (2005), Journal of the
-- Royal Statistical Society C 54, 143-158, after Tarone (1990).
{{ name }}_ranked as (

    select
        *,
        {{ upper_tail('z') }} as p_value,
        row_number() over (
            partition by platform, month_start_date order by least_p, community, word_id
        ) as least_place
    from {{ name }}_measured

),

{{ name }}_testable as (

    select
        *,
        row_number() over (
            partition by platform, month_start_date
            order by case when p_value is null then 1 else 0 end, p_value, community, word_id
        ) as place
    from (
        select
            *,
            max(case when least_p * least_place <= {{ var('chance_share') }} then least_place end) over (
                partition by platform, month_start_date
            ) as tests_n
        from {{ name }}_ranked
    ) as counted_tests
    where least_place <= tests_n

),

-- Benjamini, Y. and Hochberg, Y. (1995), Journal of the Royal Statistical Society B 57, 289-300.
{{ name }}_found as (

    select *
    from (
        select
            *,
            max(case when p_value * tests_n <= {{ var('chance_share') }} * place then place end) over (
                partition by platform, month_start_date
            ) as last_place
        from {{ name }}_testable
    ) as placed
    where place <= last_place

),
{% endfor %}

found as (

    select
        compared.*,
        {%- for name in comparisons %}
        {{ name }}_measured.log_odds as log_odds_{{ name }},
        {{ name }}_measured.log_odds_sd as log_odds_sd_{{ name }},
        {{ name }}_measured.z as z_{{ name }},
        {{ name }}_found.p_value as p_value_{{ name }},
        case
            when compared.all_words_{{ name }}_n > 0 then {{ name }}_found.word_id is not null
        end as is_found_{{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from compared
    {%- for name in comparisons %}
    {%- for step in ['measured', 'found'] %}
    left join {{ name }}_{{ step }}
        on compared.platform = {{ name }}_{{ step }}.platform
        and compared.community = {{ name }}_{{ step }}.community
        and compared.month_start_date = {{ name }}_{{ step }}.month_start_date
        and compared.word_id = {{ name }}_{{ step }}.word_id
    {%- endfor %}
    {%- endfor %}
    where {{ comparisons[0] }}_found.word_id is not null or {{ comparisons[1] }}_found.word_id is not null

),

spellings as (

    select
        word_id,
        {{ period_start('month', 'partition_day') }} as month_start_date,
        min(word) as word
    from {{ ref('stg_spellings') }}
    where {{ is_month_affected_or_later(period_start('month', 'partition_day')) }}
    group by word_id, {{ period_start('month', 'partition_day') }}

),

months as (

    select
        platform,
        community,
        month_start_date,
        contributors,
        is_period_complete
    from {{ ref('fct_community_monthly') }}

)

select
    found.platform,
    found.community,
    found.month_start_date,
    spellings.word,
    found.authors_n,
    {{ share('found.authors_n', 'months.contributors') }} as authors_share,
    cast(found.authors_others_n as bigint) as authors_others_n,
    found.log_odds_others,
    found.log_odds_others - {{ z() }} * found.log_odds_sd_others as log_odds_others_low,
    found.log_odds_others + {{ z() }} * found.log_odds_sd_others as log_odds_others_high,
    found.z_others,
    found.is_found_others as is_typical,
    cast(found.authors_before_n as bigint) as authors_before_n,
    found.log_odds_before,
    found.log_odds_before - {{ z() }} * found.log_odds_sd_before as log_odds_before_low,
    found.log_odds_before + {{ z() }} * found.log_odds_sd_before as log_odds_before_high,
    found.z_before,
    found.is_found_before as is_rising,
    cast(row_number() over (
        partition by found.platform, found.community, found.month_start_date
        order by coalesce(found.z_others, 0) desc, found.z_before desc, spellings.word
    ) as bigint) as place,
    {{ caveats({
        'incomplete': 'not coalesce(months.is_period_complete, false)',
        'not_observable': 'found.log_odds_others is null or found.log_odds_before is null',
    }) }} as caveat
from found
inner join spellings
    on found.word_id = spellings.word_id
    and found.month_start_date = spellings.month_start_date
left join months
    on found.platform = months.platform
    and found.community = months.community
    and found.month_start_date = months.month_start_date
