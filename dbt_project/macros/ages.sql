{# One age for all that is compared: scores grow with age, so that whatever was seen older would look better. #}

{# Rows of fct_engagement_at_age under each age that they serve: the one they are named for, and settled. #}
{% macro rows_by_age(ages, columns) -%}
    select {{ columns | join(', ') }}, age_label, target_age_h
    from {{ ages }}
    where age_label <> 'settled'
    union all
    select {{ columns | join(', ') }}, 'settled' as age_label, target_age_h
    from {{ ages }}
    where is_settled
{%- endmacro %}

{# The age of each scope: settled where at least nine tenths as many were seen so late as at the most common age, else the
   most common one, of equally common ones the older. Seen is whose score was; where none has one, whatever was looked at.
   `rows` has the columns of the scope, age_label, target_age_h and score. #}
{% macro age_of_scope(rows, scope) -%}
    select
        {{ scope | join(',\n        ') }},
        age_label
    from (
        select
            *,
            row_number() over (
                partition by {{ scope | join(', ') }}
                order by
                    case when age_label = 'settled' and 10 * seen_n >= 9 * most_n then 0 else 1 end,
                    seen_n desc,
                    target_age_h desc,
                    age_label
            ) as place
        from (
            select
                *,
                max(seen_n) over (partition by {{ scope | join(', ') }}) as most_n
            from (
                select
                    *,
                    case
                        when max(scores_n) over (partition by {{ scope | join(', ') }}) > 0 then scores_n
                        else rows_n
                    end as seen_n
                from (
                    select
                        {{ scope | join(', ') }},
                        age_label,
                        max(target_age_h) as target_age_h,
                        count(score) as scores_n,
                        count(*) as rows_n
                    from {{ rows }}
                    group by {{ scope | join(', ') }}, age_label
                ) as counted
            ) as seen
        ) as beside_most
    ) as placed
    where place = 1 and seen_n > 0
{%- endmacro %}
