select
    offer,
    platform,
    community
from {{ source('listening', 'offer_communities') }}
