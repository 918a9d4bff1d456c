select
    platform,
    community,
    source
from {{ ref('int_author_days') }}
group by platform, community, source
having sum(kept_n) > 0 and sum(authored_n) = 0
