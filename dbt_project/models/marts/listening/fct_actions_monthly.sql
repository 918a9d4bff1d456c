{% set scope = ['platform', 'community', 'month_start_date'] -%}
{% set forms = {
    'shown_as': shown_form('posts.url', 'posts.body'), 'title_form': title_form('posts.title'),
    'length': length_band('posts.title', 'posts.body'), 'weekday': weekday_name('posts.contribution_date'),
    'day_part': day_part('posts.created_at'),
} -%}

with

our_brands as (

    select distinct voices.platform, voices.community, voices.contribution_id
    from {{ ref('int_brand_voices') }} as voices
    inner join {{ ref('stg_brands') }} as brands
        on voices.brand = brands.brand and brands.is_ours

),

-- Questions in our own communities or about our brands; those of the last day of the month still have time.
our_questions as (

    select
        questions.*,
        row_number() over (
            partition by
                questions.platform, questions.community, questions.month_start_date, questions.request, questions.is_answered
            order by questions.created_at, questions.contribution_id
        ) as place
    from {{ ref('int_questions') }} as questions
    left join {{ ref('stg_own_communities') }} as own
        on questions.platform = own.platform
        and questions.community = own.community
    left join our_brands
        on questions.platform = our_brands.platform
        and questions.community = our_brands.community
        and questions.contribution_id = our_brands.contribution_id
    where (own.community is not null or our_brands.contribution_id is not null)
        and questions.is_answered is not null
        and questions.contribution_date < {{ period_end('month', 'questions.month_start_date') }}

),

answer_unanswered as (

    select
        {{ scope | join(',\n        ') }},
        request as subject,
        cast(count(case when not is_answered then 1 end) as double) as figure,
        cast(null as double) as figure_low,
        cast(null as double) as figure_high,
        count(*) as n,
        nullif(concat_ws(
            ' '
            {%- for place in range(1, 6) %}, max(case when not is_answered and place = {{ place }} then contribution_id end){% endfor %}
        ), '') as evidence_ids,
        cast(null as {{ dbt.type_string() }}) as caveat,
        count(case when not is_answered then 1 end) as strength
    from our_questions
    group by {{ scope | join(', ') }}, request
    having count(case when not is_answered then 1 end) > 0

),

turn_evidence as (

    select
        platform,
        community,
        turn_date,
        {{ evidence_ids() }} as evidence_ids
    from {{ ref('fct_sentiment_turn_evidence') }}
    where side = 'after'
    group by platform, community, turn_date

),

mood_turned as (

    select
        turns.platform,
        turns.community,
        {{ period_start('month', 'turns.turn_date') }} as month_start_date,
        turns.direction as subject,
        turns.net_change as figure,
        {{ difference_low('turns.net_after', 'turns.net_after_low', 'turns.net_after_high', 'turns.net_before',
            'turns.net_before_low', 'turns.net_before_high') }} as figure_low,
        {{ difference_high('turns.net_after', 'turns.net_after_low', 'turns.net_after_high', 'turns.net_before',
            'turns.net_before_low', 'turns.net_before_high') }} as figure_high,
        turns.voices_before_n + turns.voices_after_n as n,
        turn_evidence.evidence_ids,
        turns.caveat,
        abs(turns.z) as strength
    from {{ ref('fct_sentiment_turns') }} as turns
    left join turn_evidence
        on turns.platform = turn_evidence.platform
        and turns.community = turn_evidence.community
        and turns.turn_date = turn_evidence.turn_date

),

-- The topic with the need, and the need as a whole only where none of its topics is clear.
grown_needs as (

    select
        *,
        count(topic_id) over (partition by {{ scope | join(', ') }}, need) as topics_n
    from {{ ref('fct_needs_monthly') }}
    where is_clear

),

need_evidence as (

    select
        {{ scope | join(',\n        ') }},
        need,
        coalesce(topic_id, -1) as topic_id,
        {{ evidence_ids() }} as evidence_ids
    from {{ ref('fct_need_examples') }}
    group by {{ scope | join(', ') }}, need, coalesce(topic_id, -1)

),

need_grew as (

    select
        needs.platform,
        needs.community,
        needs.month_start_date,
        case when needs.label is not null then concat(needs.need, ': ', needs.label) else needs.need end as subject,
        needs.growth as figure,
        needs.growth_low as figure_low,
        needs.growth_high as figure_high,
        needs.people_n as n,
        need_evidence.evidence_ids,
        needs.caveat,
        needs.growth_low as strength
    from grown_needs as needs
    left join need_evidence
        on needs.platform = need_evidence.platform
        and needs.community = need_evidence.community
        and needs.month_start_date = need_evidence.month_start_date
        and needs.need = need_evidence.need
        and coalesce(needs.topic_id, -1) = need_evidence.topic_id
    where needs.topic_id is not null or needs.topics_n = 0

),

advocate_evidence as (

    select
        {{ scope | join(',\n        ') }},
        brand,
        author_key,
        {{ evidence_ids() }} as evidence_ids
    from {{ ref('fct_advocate_evidence') }}
    group by {{ scope | join(', ') }}, brand, author_key

),

-- Whose praise stands no more is nobody to thank for it.
thank_advocate as (

    select
        advocates.platform,
        advocates.community,
        advocates.month_start_date,
        advocates.brand as subject,
        advocates.good_share as figure,
        advocates.good_share_low as figure_low,
        advocates.good_share_high as figure_high,
        advocates.told_n as n,
        advocate_evidence.evidence_ids,
        advocates.caveat,
        advocates.good_share_low as strength
    from {{ ref('fct_advocates_monthly') }} as advocates
    inner join advocate_evidence
        on advocates.platform = advocate_evidence.platform
        and advocates.community = advocate_evidence.community
        and advocates.month_start_date = advocate_evidence.month_start_date
        and advocates.brand = advocate_evidence.brand
        and advocates.author_key = advocate_evidence.author_key
    where advocates.is_ours

),

topic_evidence as (

    select
        {{ scope | join(',\n        ') }},
        topic_id,
        {{ evidence_ids() }} as evidence_ids
    from {{ ref('fct_topic_examples') }}
    group by {{ scope | join(', ') }}, topic_id

),

topic_rose as (

    select
        topics.platform,
        topics.community,
        topics.month_start_date,
        topics.label as subject,
        topics.growth as figure,
        topics.growth_low as figure_low,
        topics.growth_high as figure_high,
        topics.people as n,
        topic_evidence.evidence_ids,
        topics.caveat,
        topics.growth_low as strength
    from {{ ref('fct_topics_monthly') }} as topics
    left join topic_evidence
        on topics.platform = topic_evidence.platform
        and topics.community = topic_evidence.community
        and topics.month_start_date = topic_evidence.month_start_date
        and topics.topic_id = topic_evidence.topic_id
    where topics.is_growing and topics.label is not null

),

-- The metric that is clearer tells of a form. Tags are left out: people write them.
best_forms as (

    select
        *,
        row_number() over (
            partition by {{ scope | join(', ') }}, dimension, form order by vs_usual_low desc, metric
        ) as place_of_metric
    from {{ ref('fct_content_performance') }}
    where is_clear and vs_usual_low > 1 and dimension <> 'tag'

),

form_posts as (

    {%- for dimension, form in forms.items() %}
    select
        best_forms.platform,
        best_forms.community,
        best_forms.month_start_date,
        best_forms.dimension,
        best_forms.form,
        posts.contribution_id,
        case when best_forms.metric = 'score' then performance.score else performance.reply_count end as amount
    from best_forms
    inner join {{ ref('fct_post_performance') }} as performance
        on best_forms.platform = performance.platform
        and best_forms.community = performance.community
        and best_forms.month_start_date = performance.month_start_date
    inner join {{ ref('fct_contributions') }} as posts
        on performance.platform = posts.platform
        and performance.community = posts.community
        and performance.contribution_id = posts.contribution_id
    where best_forms.place_of_metric = 1 and posts.removal = 'none' and posts.author_role not in ('bot', 'team')
        and best_forms.dimension = '{{ dimension }}' and best_forms.form = {{ form }}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}

),

form_evidence as (

    select
        {{ scope | join(',\n        ') }},
        dimension,
        form,
        {{ evidence_ids() }} as evidence_ids
    from (
        select
            *,
            row_number() over (
                partition by {{ scope | join(', ') }}, dimension, form order by amount desc, contribution_id
            ) as place
        from form_posts
        where amount is not null
    ) as placed
    group by {{ scope | join(', ') }}, dimension, form

),

post_this_kind as (

    select
        best_forms.platform,
        best_forms.community,
        best_forms.month_start_date,
        concat(best_forms.dimension, ': ', best_forms.form) as subject,
        best_forms.vs_usual as figure,
        best_forms.vs_usual_low as figure_low,
        best_forms.vs_usual_high as figure_high,
        best_forms.posts_n as n,
        form_evidence.evidence_ids,
        best_forms.caveat,
        best_forms.vs_usual_low as strength
    from best_forms
    left join form_evidence
        on best_forms.platform = form_evidence.platform
        and best_forms.community = form_evidence.community
        and best_forms.month_start_date = form_evidence.month_start_date
        and best_forms.dimension = form_evidence.dimension
        and best_forms.form = form_evidence.form
    where best_forms.place_of_metric = 1

),

promotion_evidence as (

    select
        {{ scope | join(',\n        ') }},
        promoter,
        {{ evidence_ids() }} as evidence_ids
    from (
        select
            promotions.platform,
            promotions.community,
            {{ period_start('month', 'promotions.contribution_date') }} as month_start_date,
            case when promotions.author_role = 'team' then 'team' else 'people' end as promoter,
            promotions.contribution_id,
            row_number() over (
                partition by
                    promotions.platform, promotions.community,
                    {{ period_start('month', 'promotions.contribution_date') }},
                    case when promotions.author_role = 'team' then 'team' else 'people' end
                order by promotions.replies_mean_score, promotions.contribution_id
            ) as place
        from {{ ref('fct_promotions') }} as promotions
        where promotions.kind = 'post' and promotions.replies_mean_score is not null
    ) as placed
    group by {{ scope | join(', ') }}, promoter

),

promotion_badly_taken as (

    select
        receptions.platform,
        receptions.community,
        receptions.month_start_date,
        concat('promotions by ', receptions.promoter) as subject,
        receptions.mean_score_difference as figure,
        receptions.mean_score_difference_low as figure_low,
        receptions.mean_score_difference_high as figure_high,
        receptions.replies_scored_n as n,
        promotion_evidence.evidence_ids,
        receptions.caveat,
        -receptions.mean_score_difference_high as strength
    from {{ ref('fct_promotion_reception') }} as receptions
    left join promotion_evidence
        on receptions.platform = promotion_evidence.platform
        and receptions.community = promotion_evidence.community
        and receptions.month_start_date = promotion_evidence.month_start_date
        and receptions.promoter = promotion_evidence.promoter
    where receptions.reception = 'badly_taken'

),

profiles as (

    select
        *,
        row_number() over (partition by platform, community order by month_start_date desc) as recency
    from {{ ref('fct_community_profile_monthly') }}

),

-- Where newcomers are answered as others are, and clearly more people than elsewhere use the goal's words, and nobody of
-- ours takes part yet. What fits is told of the last month alone: of the goals and communities as they are now.
join_community as (

    select
        fits.platform,
        fits.community,
        profiles.month_start_date,
        concat(fits.goal_kind, ': ', fits.goal) as subject,
        fits.people_share as figure,
        fits.people_share_low as figure_low,
        fits.people_share_high as figure_high,
        fits.people_n as n,
        cast(null as {{ dbt.type_string() }}) as evidence_ids,
        fits.caveat,
        fits.score as strength
    from {{ ref('fct_community_discovery') }} as fits
    inner join profiles
        on fits.platform = profiles.platform
        and fits.community = profiles.community
        and profiles.recency = 1
    left join {{ ref('stg_own_communities') }} as own
        on fits.platform = own.platform
        and fits.community = own.community
    left join (
        select distinct platform, community from {{ ref('fct_value_to_pitch') }} where team_n > 0
    ) as joined
        on fits.platform = joined.platform
        and fits.community = joined.community
    where own.community is null and joined.community is null
        and fits.is_followed
        and fits.people_share_low >= {{ var('join_min_excess') }} * fits.usual_share
        and profiles.openness_label = 'open'

),

actions as (

    {%- for rule in action_rules() %}
    select
        '{{ rule }}' as rule,
        {{ loop.index }} as rule_place,
        {% for column in scope + ['subject', 'figure', 'figure_low', 'figure_high', 'n', 'evidence_ids', 'caveat', 'strength'] -%}
        {{ column }}{{ ', ' if not loop.last }}
        {%- endfor %}
    from {{ rule }}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}

),

-- The strongest of each rule first, then the second of each.
within_rule as (

    select
        *,
        row_number() over (
            partition by {{ scope | join(', ') }}, rule order by strength desc, subject, evidence_ids
        ) as place_in_rule
    from actions

),

ranked as (

    select
        *,
        row_number() over (
            partition by {{ scope | join(', ') }} order by place_in_rule, rule_place
        ) as place
    from within_rule

),

months as (

    select * from {{ ref('int_community_months') }}

)

select
    ranked.platform,
    ranked.community,
    ranked.month_start_date,
    ranked.place,
    ranked.rule,
    ranked.subject,
    ranked.figure,
    ranked.figure_low,
    ranked.figure_high,
    cast(ranked.n as bigint) as n,
    ranked.evidence_ids,
    months.days_n,
    months.days_complete_n,
    months.is_period_complete,
    ranked.caveat
from ranked
inner join months
    on ranked.platform = months.platform
    and ranked.community = months.community
    and ranked.month_start_date = months.month_start_date
where ranked.place <= {{ var('actions_n') }}
