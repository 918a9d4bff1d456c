select
    brand,
    alias,
    alias_kind,
    is_case_aware
from {{ source('listening', 'brand_aliases') }}
