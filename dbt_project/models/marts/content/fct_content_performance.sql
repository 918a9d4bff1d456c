{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_periods('month', 'month_start_date') }}",
) }}

{% set month = period_start('month', 'contribution_date') %}
{% set forms = ['shown_as', 'title_form', 'length', 'weekday', 'day_part'] %}
{#- Six digits make sums exact, so that the order of rows cannot show; and of such sums products still fit. -#}
{% set amount = 'decimal(18, 6)' %}
{% set key = ['platform', 'community', 'month_start_date', 'metric'] %}

with

performance as (

    select * from {{ ref('fct_post_performance') }}
    where {{ is_period_affected('month', 'month_start_date') }}

),

posts as (

    select
        platform,
        community,
        contribution_id,
        -- Who wrote it is one witness however much they wrote; where nobody knows, each post is somebody else's.
        coalesce(author_key, contribution_id) as author,
        tags,
        {{ shown_form('url', 'body') }} as shown_as,
        {{ title_form('title') }} as title_form,
        {{ length_band('title', 'body') }} as length,
        {{ weekday_name('contribution_date') }} as weekday,
        {{ day_part('created_at') }} as day_part
    from {{ ref('fct_contributions') }}
    where kind = 'post'
        and author_role not in ('bot', 'team')
        and removal = 'none'
        and {{ is_period_affected('month', month) }}

),

-- Scores are spread over powers of ten, so they are compared as logarithms; below zero counts as zero.
measured as (

    {% for metric, column in {'score': 'score', 'replies': 'reply_count'}.items() -%}
    select
        platform,
        community,
        month_start_date,
        contribution_id,
        age_label,
        '{{ metric }}' as metric,
        {{ column }} as amount,
        cast(round(ln(1 + greatest({{ column }}, 0)), 6) as {{ amount }}) as log_amount
    from performance
    where {{ column }} is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

compared as (

    select
        measured.*,
        posts.author,
        posts.tags,
        {%- for form in forms %}
        posts.{{ form }}{{ ',' if not loop.last }}
        {%- endfor %}
    from measured
    inner join posts
        on measured.platform = posts.platform
        and measured.community = posts.community
        and measured.contribution_id = posts.contribution_id

),

by_form as (

    {% for form in forms -%}
    select {{ key | join(', ') }}, author, amount, log_amount, '{{ form }}' as dimension, {{ form }} as form
    from compared
    union all
    {% endfor -%}
    select {{ key | join(', ') }}, author, amount, log_amount, 'tag' as dimension, tag as form
    from (
        select distinct {{ key | join(', ') }}, contribution_id, author, amount, log_amount, {{ each_of('tags') }} as tag
        from compared
    ) as tagged

),

-- What each author wrote, in all and of each form.
authors as (

    select
        {{ key | join(',\n        ') }},
        author,
        count(*) as posts_n,
        cast(sum(log_amount) as {{ amount }}) as log_sum
    from compared
    group by {{ key | join(', ') }}, author

),

communities as (

    select
        {{ key | join(',\n        ') }},
        sum(posts_n) as posts_n,
        count(*) as authors_n,
        cast(sum(log_sum) as double) as log_sum,
        cast(sum(log_sum * log_sum) as double) as log_log,
        cast(sum(log_sum * posts_n) as double) as log_posts,
        sum(posts_n * posts_n) as posts_posts
    from authors
    group by {{ key | join(', ') }}

),

medians as (

    select
        {{ key | join(',\n        ') }},
        max(age_label) as age_label,
        percentile_cont(0.5) within group (order by amount) as usual_median
    from compared
    group by {{ key | join(', ') }}

),

form_medians as (

    select
        {{ key | join(',\n        ') }},
        dimension,
        form,
        percentile_cont(0.5) within group (order by amount) as median_value
    from by_form
    group by {{ key | join(', ') }}, dimension, form

),

form_authors as (

    select
        {{ key | join(',\n        ') }},
        dimension,
        form,
        author,
        count(*) as posts_n,
        cast(sum(log_amount) as {{ amount }}) as log_sum
    from by_form
    group by {{ key | join(', ') }}, dimension, form, author

),

with_rest as (

    select
        form_authors.*,
        authors.posts_n as all_posts_n,
        authors.log_sum as all_log_sum,
        authors.posts_n - form_authors.posts_n as rest_posts_n,
        cast(authors.log_sum - form_authors.log_sum as {{ amount }}) as rest_log_sum
    from form_authors
    inner join authors
        {% for column in key + ['author'] -%}
        {{ 'on' if loop.first else 'and' }} form_authors.{{ column }} = authors.{{ column }}
        {% endfor %}
),

form_sums as (

    select
        {{ key | join(',\n        ') }},
        dimension,
        form,
        sum(posts_n) as posts_n,
        count(*) as authors_n,
        count(case when rest_posts_n = 0 then 1 end) as authors_of_this_alone_n,
        cast(sum(log_sum) as double) as log_sum,
        {%- set pairs = {
            'log_log': ['log_sum', 'log_sum'], 'log_posts': ['log_sum', 'posts_n'], 'posts_posts': ['posts_n', 'posts_n'],
            'all_log_log': ['all_log_sum', 'all_log_sum'], 'all_log_posts': ['all_log_sum', 'all_posts_n'],
            'all_posts_posts': ['all_posts_n', 'all_posts_n'],
            'rest_log_log': ['rest_log_sum', 'rest_log_sum'], 'rest_log_posts': ['rest_log_sum', 'rest_posts_n'],
            'rest_posts_posts': ['rest_posts_n', 'rest_posts_n'],
            'cross_log_log': ['log_sum', 'rest_log_sum'], 'cross_log_posts': ['log_sum', 'rest_posts_n'],
            'cross_posts_log': ['posts_n', 'rest_log_sum'], 'cross_posts_posts': ['posts_n', 'rest_posts_n'],
        } %}
        {%- for name, (one, other) in pairs.items() %}
        cast(sum({{ one }} * {{ other }}) as double) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from with_rest
    group by {{ key | join(', ') }}, dimension, form

),

-- The rest are the posts of the community and month that are not of the form. Who wrote nothing of it adds to the sums of
-- the rest what they add to those of all.
sides as (

    select
        form_sums.*,
        communities.authors_n as all_authors_n,
        communities.authors_n - form_sums.authors_of_this_alone_n as rest_authors_n,
        communities.posts_n - form_sums.posts_n as rest_posts_n,
        form_sums.log_sum / form_sums.posts_n as form_mean,
        (communities.log_sum - form_sums.log_sum) / nullif(communities.posts_n - form_sums.posts_n, 0) as rest_mean,
        {%- for name in ['log_log', 'log_posts', 'posts_posts'] %}
        communities.{{ name }} - form_sums.all_{{ name }} + form_sums.rest_{{ name }} as outside_{{ name }},
        {%- endfor %}
        {{ is_enough('form_sums.posts_n') }}
        and {{ is_enough('form_sums.authors_n') }}
        and {{ is_enough('(communities.authors_n - form_sums.authors_of_this_alone_n)') }} as is_told
    from form_sums
    inner join communities
        {% for column in key -%}
        {{ 'on' if loop.first else 'and' }} form_sums.{{ column }} = communities.{{ column }}
        {% endfor %}
),

-- Variance of a difference of two means over authors as clusters, some of whom wrote on both sides.
estimates as (

    select
        *,
        form_mean - rest_mean as log_ratio,
        sqrt(greatest(0.0,
            (log_log - 2 * form_mean * log_posts + form_mean * form_mean * posts_posts) / (cast(posts_n as double) * posts_n)
            + (outside_log_log - 2 * rest_mean * outside_log_posts + rest_mean * rest_mean * outside_posts_posts)
            / (cast(rest_posts_n as double) * rest_posts_n)
            - 2 * (
                cross_log_log - rest_mean * cross_log_posts - form_mean * cross_posts_log
                + form_mean * rest_mean * cross_posts_posts
            ) / (cast(posts_n as double) * rest_posts_n)
        ) * all_authors_n / (all_authors_n - 1)) as standard_error,
        least(authors_n, rest_authors_n) - 1 as degrees
    from sides

),

-- Posts that all have the same score have no error that could be told.
judged as (

    select
        *,
        case
            when is_told and standard_error > 1e-6
                then 2 * {{ upper_tail('abs(' ~ normal_of_student('(log_ratio / standard_error)', 'degrees') ~ ')') }}
        end as p_value
    from estimates

),

clear as (

    {{ clear_rows('judged', ['month_start_date'], ['platform', 'community', 'metric', 'dimension', 'form']) }}

),

months as (

    select * from {{ ref('int_community_months') }}

)

select
    clear.platform,
    clear.community,
    clear.month_start_date,
    clear.dimension,
    clear.form,
    clear.metric,
    medians.age_label,
    cast(clear.posts_n as bigint) as posts_n,
    cast(clear.authors_n as bigint) as authors_n,
    cast(clear.rest_posts_n as bigint) as other_posts_n,
    case when {{ is_enough('clear.posts_n') }} then form_medians.median_value end as median_value,
    case
        when {{ is_enough('(clear.posts_n + clear.rest_posts_n)') }} then medians.usual_median
    end as usual_median,
    case when clear.is_told then round(exp(clear.log_ratio), 6) end as vs_usual,
    case
        when clear.is_told
            then round(exp(clear.log_ratio - {{ student_t('clear.degrees') }} * clear.standard_error), 6)
    end as vs_usual_low,
    case
        when clear.is_told
            then round(exp(clear.log_ratio + {{ student_t('clear.degrees') }} * clear.standard_error), 6)
    end as vs_usual_high,
    case when clear.p_value is not null then clear.is_clear end as is_clear,
    months.days_n,
    months.days_complete_n,
    months.is_period_complete,
    {{ caveats({
        'authors_not_observed': 'months.authors_unobserved_n > 0',
        'incomplete': 'not months.is_period_complete',
        'small_n': 'not clear.is_told',
    }) }} as caveat
from clear
inner join medians
    {% for column in key -%}
    {{ 'on' if loop.first else 'and' }} clear.{{ column }} = medians.{{ column }}
    {% endfor -%}
inner join form_medians
    {% for column in key + ['dimension', 'form'] -%}
    {{ 'on' if loop.first else 'and' }} clear.{{ column }} = form_medians.{{ column }}
    {% endfor -%}
inner join months
    on clear.platform = months.platform
    and clear.community = months.community
    and clear.month_start_date = months.month_start_date
-- Tags are many and people write them: those of fewer posts are nobody's form.
where clear.dimension <> 'tag' or {{ is_enough('clear.posts_n') }}
