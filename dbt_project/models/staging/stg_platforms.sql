with

source as (

    select * from {{ source('raw', 'platforms') }}

)

select
    platform,
    may_rank_persons,
    keep_text_days,
    delete_within_h,
    attribution,
    may_train,
    remark,
    terms_urls,
    terms_checked_date,
    ids_shared_within
from source
