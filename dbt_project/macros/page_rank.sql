{# PageRank over edges of one weight, jumping to chosen nodes alone: Haveliwala, T. H. (2002), WWW 11, 517-526. A subquery
   of (person, rank_amount).

   `landings` has (person, rank_amount), where jumps land and how much with each; `edges` has (replier, answered,
   answered_by_replier), one row a pair, with how many the replier answered. What reaches somebody who answered nobody is
   lost, not spread again: with jumps to the same nodes that would lengthen all amounts alike. Twelve digits make sums
   exact, so that the order of rows cannot show.

   DuckDB walks in rounds, each of which sees what the one before handed on. Spark allows no sums there, and copies a CTE
   wherever it is named: its form names each round once, in the next. #}
{% macro page_rank(landings, edges, damping, rounds) -%}
    {{ return(adapter.dispatch('page_rank', 'community_pulse')(landings, edges, damping, rounds)) }}
{%- endmacro %}

{% macro default__page_rank(landings, edges, damping, rounds) -%}
    with recursive handed (walk_round, person, rank_amount) as (
        select 0, person, rank_amount from {{ landings }}
        union all
        select
            handed.walk_round + 1,
            edges.answered,
            cast(sum({{ handed_amount('handed.rank_amount', 'edges.answered_by_replier', damping) }}) as {{ rank_type() }})
        from handed
        inner join {{ edges }} as edges on handed.person = edges.replier
        where handed.walk_round < {{ rounds }}
        group by handed.walk_round, edges.answered
    )
    select person, cast(sum(rank_amount) as {{ rank_type() }}) as rank_amount
    from handed
    group by person
{%- endmacro %}

{% macro spark__page_rank(landings, edges, damping, rounds) -%}
    with ranks_0 as (select person, rank_amount from {{ landings }})
    {%- for round in range(1, rounds + 1) %},
    ranks_{{ round }} as (
        select person, cast(sum(rank_amount) as {{ rank_type() }}) as rank_amount
        from (
            select
                edges.answered as person,
                {{ handed_amount('ranks.rank_amount', 'edges.answered_by_replier', damping) }} as rank_amount
            from ranks_{{ round - 1 }} as ranks
            inner join {{ edges }} as edges on ranks.person = edges.replier
            union all
            select person, rank_amount from {{ landings }}
        ) as handed
        group by person
    )
    {%- endfor %}
    select person, rank_amount from ranks_{{ rounds }}
{%- endmacro %}

{% macro handed_amount(amount, answered_n, damping) -%}
    cast(round({{ damping }} * cast({{ amount }} as double) / {{ answered_n }}, 12) as {{ rank_type() }})
{%- endmacro %}

{% macro rank_type() -%}decimal(18, 12){%- endmacro %}

{# Whom edges lead to from each source, however many there are between: a subquery of (source, person), each pair once.
   `sources` has (person), `edges` (replier, answered). Spark has no recursion with a union of distinct rows: there, what
   writes a model walks it round by round (macros/spark_engine.sql). #}
{% macro reached_from(sources, edges) -%}
    with recursive walked (source, person) as (
        select edges.replier, edges.answered
        from {{ edges }} as edges
        inner join {{ sources }} as sources on edges.replier = sources.person
        union
        select walked.source, edges.answered
        from walked
        inner join {{ edges }} as edges on walked.person = edges.replier
    )
    select source, person from walked
{%- endmacro %}
