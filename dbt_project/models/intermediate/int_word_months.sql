{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_periods('month', 'month_start_date') }}",
) }}

with

contributions as (

    select * from {{ ref('int_contributions_at_month_end') }}
    where {{ has_a_say() }} and {{ is_proven() }} and {{ is_period_affected('month', 'month_start_date') }}
        and author_key is not null and text_id is not null

),

-- A month knows no later partition than its last day, so the words of its texts stand in those of its days.
texts as (

    select distinct text_id, words from {{ ref('stg_text_words') }}
    where {{ is_period_affected('month', period_start('month', 'partition_day')) }}

),

-- Numbers instead of names while rows are many.
numbered as (

    select
        platform,
        community,
        row_number() over (order by platform, community) as community_number
    from (select distinct platform, community from contributions) as communities

),

voices as (

    select distinct
        numbered.community_number,
        contributions.month_start_date,
        {{ hash_number('contributions.author_key') }} as author_number,
        contributions.text_id
    from contributions
    inner join numbered
        on contributions.platform = numbered.platform
        and contributions.community = numbered.community

),

said as (

    select
        voices.*,
        texts.words,
        count(*) over (
            partition by voices.community_number, voices.month_start_date, voices.author_number
        ) as texts_n
    from voices
    inner join texts
        on voices.text_id = texts.text_id

),

-- A text has each of its words once, so only who wrote several can say one twice: to find these among all words of all
-- would take twice as long.
once as (

    select
        community_number,
        month_start_date,
        {{ each_of('words') }} as word_id
    from said
    where texts_n = 1

    union all

    select
        community_number,
        month_start_date,
        word_id
    from (
        select distinct
            community_number,
            month_start_date,
            author_number,
            word_id
        from (
            select
                community_number,
                month_start_date,
                author_number,
                {{ each_of('words') }} as word_id
            from said
            where texts_n > 1
        ) as several
    ) as once_each

),

counted as (

    select
        community_number,
        month_start_date,
        word_id,
        count(*) as authors_n
    from once
    group by community_number, month_start_date, word_id

),

of_communities as (

    select
        numbered.platform,
        numbered.community,
        counted.month_start_date,
        counted.word_id,
        counted.authors_n,
        sum(counted.authors_n) over (
            partition by counted.community_number, counted.month_start_date
        ) as all_words_n
    from counted
    inner join numbered
        on counted.community_number = numbered.community_number

),

of_platforms as (

    select
        platform,
        '*' as community,
        month_start_date,
        word_id,
        sum(authors_n) as authors_n,
        sum(sum(authors_n)) over (partition by platform, month_start_date) as all_words_n
    from of_communities
    group by platform, month_start_date, word_id

)

-- A word that one person used stands in the sums alone.
select
    platform,
    community,
    month_start_date,
    word_id,
    cast(authors_n as bigint) as authors_n,
    cast(all_words_n as bigint) as all_words_n
from of_communities
where authors_n >= 2

union all

select
    platform,
    community,
    month_start_date,
    word_id,
    cast(authors_n as bigint) as authors_n,
    cast(all_words_n as bigint) as all_words_n
from of_platforms
where authors_n >= {{ var('keyword_min_authors') }}
