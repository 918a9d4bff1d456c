{# A contribution may stand in two communities: Hacker News as a whole and a query there, a site and one of its tags. Each
   community counts it; totals over communities count it once. Which of the copies that is, is the same in every total:
   one that was looked at, of these the one seen last, then the first community by name. Platforms whose ids may be
   shared so say it themselves (ids_shared_within); of all others each community's contributions are its own. #}

{# Condition on rows of totals over communities. #}
{% macro is_counted_once(of='') -%}
    not coalesce({{ of }}is_repeat, false)
{%- endmacro %}

{# Within what equal ids are the same: the host, or the whole platform. #}
{% macro id_scope(ids_shared_within, community) -%}
    case {{ ids_shared_within }} when 'host' then split_part({{ community }}, '@', -1) else '' end
{%- endmacro %}

{# Subquery of the contributions that another community's copy stands for, among observations that fulfil a condition. #}
{% macro repeated_contributions(observations, platforms, looked_at, condition) -%}
    select platform, community, contribution_id, contribution_date
    from (
        select
            copies.*,
            row_number() over (
                partition by copies.platform, copies.id_scope, copies.contribution_id, copies.contribution_date
                order by
                    case when looked_at.kind is null then 1 else 0 end, copies.last_observed_at desc, copies.community
            ) as place
        from (
            select
                observations.platform,
                observations.community,
                observations.contribution_id,
                observations.contribution_date,
                {{ id_scope('shared.ids_shared_within', 'observations.community') }} as id_scope,
                max(observations.kind) as kind,
                max(observations.observed_at) as last_observed_at
            from {{ observations }} as observations
            inner join {{ platforms }} as shared
                on observations.platform = shared.platform
            where shared.ids_shared_within is not null and {{ condition }}
            group by
                observations.platform,
                observations.community,
                observations.contribution_id,
                observations.contribution_date,
                {{ id_scope('shared.ids_shared_within', 'observations.community') }}
        ) as copies
        left join {{ looked_at }} as looked_at
            on copies.platform = looked_at.platform
            and copies.community = looked_at.community
            and copies.contribution_date = looked_at.contribution_date
            and copies.kind = looked_at.kind
    ) as placed
    where place > 1
{%- endmacro %}
