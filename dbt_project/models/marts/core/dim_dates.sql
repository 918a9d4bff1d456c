with

days as (

    select distinct contribution_date from {{ ref('fct_community_daily') }}

)

select
    contribution_date as date_day,
    {{ period_start('week', 'contribution_date') }} as week_start_date,
    {{ period_start('month', 'contribution_date') }} as month_start_date
from days
