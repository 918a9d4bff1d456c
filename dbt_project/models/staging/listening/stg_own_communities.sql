select
    platform,
    community
from {{ source('listening', 'own_communities') }}
