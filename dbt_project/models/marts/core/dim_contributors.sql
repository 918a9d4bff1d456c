-- Persons are shown where the terms of their platform let them be ranked; of all others only counts are.
with

contributors as (

    select * from {{ ref('int_contributors') }}

),

platforms as (

    select * from {{ ref('stg_platforms') }} where may_rank_persons

)

select
    contributors.platform,
    contributors.community,
    contributors.author_key,
    contributors.author_role,
    contributors.is_contributor,
    contributors.new_contributor_date,
    contributors.first_contribution_date,
    contributors.last_contribution_date,
    contributors.first_contribution_at,
    contributors.last_contribution_at,
    contributors.active_days,
    contributors.posts,
    contributors.comments,
    contributors.messages,
    contributors.score_sum
from contributors
inner join platforms
    on contributors.platform = platforms.platform
