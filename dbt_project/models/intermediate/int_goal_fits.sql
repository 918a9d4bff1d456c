with

words as (

    select * from {{ ref('int_community_words') }}

),

communities as (

    select
        platform,
        community,
        is_followed,
        max(people_n) as people_n,
        max(contributions_n) as contributions_n,
        max(months_n) as months_n
    from words
    group by platform, community, is_followed

),

phrases as (

    select distinct
        'interest' as goal_kind,
        interest as goal,
        lower(word) as phrase
    from {{ ref('stg_interest_words') }}

    union

    select distinct
        'brand' as goal_kind,
        brand as goal,
        lower(alias) as phrase
    from {{ ref('stg_brand_aliases') }}
    where alias_kind = 'name'

),

pieces as (

    select
        goal_kind,
        goal,
        phrase,
        {{ each_of("split(phrase, ' ')") }} as word
    from phrases

),

sizes as (

    select
        goal_kind,
        goal,
        phrase,
        count(*) as words_n
    from pieces
    where word <> ''
    group by goal_kind, goal, phrase

),

-- Who wrote all words of a phrase is not known; no more than those who wrote its rarest.
by_phrase as (

    select
        pieces.goal_kind,
        pieces.goal,
        pieces.phrase,
        words.platform,
        words.community,
        case when count(*) = max(sizes.words_n) then min(words.authors_n) else 0 end as authors_n,
        case when count(*) = max(sizes.words_n) then min(words.comparable_authors_n) else 0 end as comparable_authors_n
    from pieces
    inner join words
        on pieces.word = words.word
    inner join sizes
        on pieces.goal_kind = sizes.goal_kind
        and pieces.goal = sizes.goal
        and pieces.phrase = sizes.phrase
    group by pieces.goal_kind, pieces.goal, pieces.phrase, words.platform, words.community

),

-- And of several phrases at least those who wrote the most common one.
voiced as (

    select
        goal_kind,
        goal,
        platform,
        community,
        max(authors_n) as authors_n,
        max(comparable_authors_n) as comparable_authors_n
    from by_phrase
    group by goal_kind, goal, platform, community

),

goals as (

    select distinct goal_kind, goal from phrases

    union

    select distinct 'interest', interest from {{ ref('stg_interest_communities') }}

),

asked as (

    select
        goals.goal_kind,
        goals.goal,
        communities.*,
        case when sizes.goal is not null then coalesce(voiced.authors_n, 0) end as authors_n,
        case when sizes.goal is not null then coalesce(voiced.comparable_authors_n, 0) end as comparable_authors_n
    from goals
    cross join communities
    left join (select distinct goal_kind, goal from sizes) as sizes
        on goals.goal_kind = sizes.goal_kind
        and goals.goal = sizes.goal
    left join voiced
        on goals.goal_kind = voiced.goal_kind
        and goals.goal = voiced.goal
        and communities.platform = voiced.platform
        and communities.community = voiced.community

),

-- Cosine of the words of a community and of those that it should be like.
lengths as (

    select
        platform,
        community,
        sqrt(sum(weight * weight)) as length
    from words
    group by platform, community

),

liked as (

    select
        likes.interest,
        words.platform,
        words.community,
        max(likes.platform) as like_platform,
        likes.community as like_community,
        sum(words.weight * theirs.weight) / nullif(max(lengths.length) * max(their_lengths.length), 0) as likeness
    from {{ ref('stg_interest_communities') }} as likes
    inner join words as theirs
        on likes.platform = theirs.platform
        and likes.community = theirs.community
    inner join words
        on theirs.word = words.word
    inner join lengths
        on words.platform = lengths.platform
        and words.community = lengths.community
    inner join lengths as their_lengths
        on theirs.platform = their_lengths.platform
        and theirs.community = their_lengths.community
    group by likes.interest, words.platform, words.community, likes.platform, likes.community

),

likeness as (

    select
        interest,
        platform,
        community,
        max(likeness) as likeness
    from liked
    group by interest, platform, community

)

select
    asked.goal_kind,
    asked.goal,
    asked.platform,
    asked.community,
    asked.is_followed,
    cast(asked.people_n as bigint) as people_n,
    cast(asked.contributions_n as bigint) as contributions_n,
    asked.months_n,
    cast(asked.authors_n as bigint) as authors_n,
    cast(asked.comparable_authors_n as bigint) as comparable_authors_n,
    cast(sum(asked.comparable_authors_n) over (partition by asked.goal_kind, asked.goal) as double)
        / nullif(sum(asked.people_n) over (partition by asked.goal_kind, asked.goal), 0) as usual_share,
    case when asked.goal_kind = 'interest' then likeness.likeness end as likeness
from asked
left join likeness
    on asked.goal = likeness.interest
    and asked.platform = likeness.platform
    and asked.community = likeness.community
