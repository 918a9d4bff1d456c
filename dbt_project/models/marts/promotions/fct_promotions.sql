with

-- Named once with all columns, each use of them would carry all of them through memory.
written as (

    select
        platform,
        community,
        contribution_id,
        thread_id,
        parent_id,
        is_by_contributor,
        sentiment_score
    from {{ ref('fct_contributions') }}
    where not is_repeat

),

offers as (

    select * from {{ ref('stg_offers') }}

),

brands as (

    select * from {{ ref('stg_brands') }}

),

-- Of several offers named at once the one that held then, and of these the first by name.
uses as (

    select
        contributions.platform,
        contributions.community,
        contributions.contribution_id,
        offers.offer,
        row_number() over (
            partition by contributions.platform, contributions.community, contributions.contribution_id
            order by
                case
                    when contributions.contribution_date between offers.first_date and offers.last_date then 0 else 1
                end,
                offers.offer
        ) as place
    from {{ ref('fct_contributions') }} as contributions
    cross join {{ ref('stg_offer_codes') }} as codes
    inner join offers
        on codes.offer = offers.offer
    where not contributions.is_repeat
        and {{ holds_code("concat(coalesce(contributions.title, ''), ' ', coalesce(contributions.body, ''))", 'codes.code_key') }}

),

promotions as (

    select
        contributions.*,
        uses.offer
    from {{ ref('fct_contributions') }} as contributions
    left join uses
        on contributions.platform = uses.platform
        and contributions.community = uses.community
        and contributions.contribution_id = uses.contribution_id
        and uses.place = 1
    where not contributions.is_repeat
        and contributions.author_role <> 'bot'
        and (contributions.is_promotion or uses.offer is not null)

),

-- Keys are looked up below marts, where the terms of no platform hide them: nobody answers himself.
authors as (

    select
        platform,
        community,
        contribution_id,
        author_key
    from {{ ref('int_contributions_latest') }}

),

-- Whatever hangs from a post answers it; a comment is answered by what answers it directly. One after the other, so that
-- each is a join by one column: by whichever of the two holds, each would be held against all of its community.
replies as (
    {% for promoted, answered in [("= 'post'", 'thread_id'), ("<> 'post'", 'parent_id')] %}

    select
        promotions.platform,
        promotions.community,
        promotions.contribution_id,
        replies.contribution_id as reply_id,
        replies.sentiment_score
    from promotions
    inner join written as replies
        on promotions.platform = replies.platform
        and promotions.community = replies.community
        and promotions.contribution_id = replies.{{ answered }}
    where promotions.kind {{ promoted }}
        and replies.is_by_contributor
        and promotions.contribution_id <> replies.contribution_id
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

answers as (

    select
        replies.platform,
        replies.community,
        replies.contribution_id,
        replies.sentiment_score
    from replies
    inner join authors as promoters
        on replies.platform = promoters.platform
        and replies.community = promoters.community
        and replies.contribution_id = promoters.contribution_id
    inner join authors as repliers
        on replies.platform = repliers.platform
        and replies.community = repliers.community
        and replies.reply_id = repliers.contribution_id
    where repliers.author_key is null
        or promoters.author_key is null
        or repliers.author_key <> promoters.author_key

),

answered as (

    select
        platform,
        community,
        contribution_id,
        count(*) as replies_n,
        count(sentiment_score) as scored_n,
        sum({{ score_units('sentiment_score') }}) as score_sum,
        sum({{ score_units('sentiment_score') }} * {{ score_units('sentiment_score') }}) as score_squares
    from answers
    group by platform, community, contribution_id

)

select
    promotions.platform,
    promotions.community,
    promotions.contribution_id,
    promotions.contribution_date,
    promotions.created_at,
    promotions.kind,
    promotions.thread_id,
    promotions.channel,
    promotions.author_role,
    promotions.is_by_contributor,
    promotions.p_promotion,
    promotions.offer,
    offers.brand,
    brands.is_ours,
    offers.offer_kind,
    case when promotions.offer is not null then not offers.is_everywhere end as is_community_exclusive,
    case
        when promotions.offer is not null
            then promotions.contribution_date between offers.first_date and offers.last_date
    end as is_within_offer,
    coalesce(promotions.offer is not null or {{ fired(['promotion.code', 'promotion.use_code', 'promotion.coupon']) }}, false)
        as has_code,
    coalesce({{ fired(['promotion.referral']) }}, false) as has_referral_link,
    coalesce({{ fired(['promotion.percent_off', 'promotion.price_was', 'promotion.deal_words']) }}, false) as has_discount,
    coalesce({{ fired(['promotion.win_chance']) }}, false) or coalesce(offers.offer_kind in ('giveaway', 'contest'), false)
        as is_giveaway,
    promotions.score,
    promotions.view_count,
    cast(coalesce(answered.replies_n, 0) as bigint) as replies_n,
    cast(coalesce(answered.scored_n, 0) as bigint) as replies_scored_n,
    {{ mean_score('answered.score_sum', 'answered.scored_n') }} as replies_mean_score,
    {{ mean_score_low('answered.score_sum', 'answered.score_squares', 'answered.scored_n') }} as replies_mean_score_low,
    {{ mean_score_high('answered.score_sum', 'answered.score_squares', 'answered.scored_n') }} as replies_mean_score_high,
    promotions.is_looked_at,
    {{ caveats({'small_n': 'not ' ~ is_enough('coalesce(answered.scored_n, 0)')}) }} as caveat
from promotions
left join offers on promotions.offer = offers.offer
left join brands on offers.brand = brands.brand
left join answered
    on promotions.platform = answered.platform
    and promotions.community = answered.community
    and promotions.contribution_id = answered.contribution_id
