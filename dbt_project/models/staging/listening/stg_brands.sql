select
    brand,
    is_ours,
    mentions_version
from {{ source('listening', 'brands') }}
