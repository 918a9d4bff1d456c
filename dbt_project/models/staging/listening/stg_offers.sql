select
    offer,
    brand,
    offer_kind,
    first_date,
    last_date,
    is_everywhere
from {{ source('listening', 'offers') }}
