select
    platform,
    may_rank_persons
from {{ ref('stg_platforms') }}
