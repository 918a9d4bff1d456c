with

months as (

    select * from {{ ref('fct_sentiment_monthly') }}
    where platform <> '*'

),

counted as (

    select * from {{ ref('int_text_kind_months') }}

),

rates as (

    select * from {{ ref('stg_text_kind_error_rates') }}

),

kinds as (

    select distinct kind from rates

),

joined as (

    select
        months.platform,
        months.community,
        months.month_start_date,
        kinds.kind,
        months.model_id,
        months.is_period_complete,
        months.contributions,
        case when months.contributions is not null then coalesce(counted.judged_n, 0) end as judged_n,
        case when months.contributions is not null then coalesce(counted.flagged_n, 0) end as flagged_n,
        here.kind is not null as is_measured_here,
        coalesce(here.model_id, elsewhere.model_id) as measured_model_id,
        coalesce(here.gold_set, elsewhere.gold_set) as gold_set,
        coalesce(here.positive_n, elsewhere.positive_n) as gold_positive_n,
        coalesce(here.true_positive_n, elsewhere.true_positive_n) as gold_true_positive_n,
        coalesce(here.negative_n, elsewhere.negative_n) as gold_negative_n,
        coalesce(here.false_positive_n, elsewhere.false_positive_n) as gold_false_positive_n
    from months
    cross join kinds
    left join counted
        on months.platform = counted.platform
        and months.community = counted.community
        and months.month_start_date = counted.month_start_date
        and kinds.kind = counted.kind
    left join rates as here
        on months.platform = here.platform
        and kinds.kind = here.kind
    left join rates as elsewhere
        on elsewhere.platform = '*'
        and kinds.kind = elsewhere.kind

),

corrected as (

    {%- set of_gold = ['gold_true_positive_n', 'gold_positive_n', 'gold_false_positive_n', 'gold_negative_n'] %}
    select
        *,
        case when {{ is_enough('judged_n') }} then {{ true_share('flagged_n', 'judged_n', *of_gold) }} end
            as corrected_share,
        case when {{ is_enough('judged_n') }} then {{ true_share_low('flagged_n', 'judged_n', *of_gold) }} end
            as corrected_share_low,
        case when {{ is_enough('judged_n') }} then {{ true_share_high('flagged_n', 'judged_n', *of_gold) }} end
            as corrected_share_high
    from joined

)

select
    platform,
    community,
    month_start_date,
    kind,
    model_id,
    contributions,
    cast(judged_n as bigint) as judged_n,
    cast(contributions - judged_n as bigint) as unjudged_n,
    case when {{ is_enough('contributions') }} then {{ share('contributions - judged_n', 'contributions') }} end
        as unjudged_share,
    cast(flagged_n as bigint) as flagged_n,
    case when {{ is_enough('judged_n') }} then {{ share('flagged_n', 'judged_n') }} end as flagged_share,
    corrected_share,
    corrected_share_low,
    corrected_share_high,
    gold_set,
    is_period_complete,
    {{ caveats({
        'incomplete': 'not is_period_complete',
        'small_n': 'not coalesce(' ~ is_enough('judged_n') ~ ', false)',
        'errors_measured_elsewhere': 'not is_measured_here',
        'errors_of_another_model': 'measured_model_id <> model_id',
        'errors_too_large': 'corrected_share is null and coalesce(' ~ is_enough('judged_n') ~ ', false)',
    }) }} as caveat
from corrected
