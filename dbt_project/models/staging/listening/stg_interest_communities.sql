select
    interest,
    platform,
    community
from {{ source('listening', 'interest_communities') }}
