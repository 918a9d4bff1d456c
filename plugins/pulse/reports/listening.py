"""Reading what was listened for: what to do, needs, topics, brands, promotions, forms of posts. No text is read here.

Words of topics are the one thing that people wrote: they are left out where few people wrote on the topic.
"""

from collections.abc import Iterable, Mapping

from pulse.reports.contents import (
    FEWEST_CASES,
    Action,
    Brand,
    Community,
    Crowd,
    Event,
    Evidence,
    Form,
    Need,
    OwnCommunity,
    Pitch,
    Reception,
    ThreadTurn,
    Topic,
)
from pulse.reports.marts import OF_MONTH, Marts, community_of, items

EVIDENCE_N = 3
TOPICS_N = 40
NEEDS_N = 400
FORMS_N = 12
THREADS_N = 6
# An offer or a launch is told in the month of its day and in this many days after, while its effect shows.
_EVENT_DAYS = 62


class Listened(Marts):
    """What the marts of listening, promotions and content tell of the month."""

    def actions(self) -> tuple[Action, ...]:
        """What to do, by community and place, with what to read for it."""
        if not self.has("fct_actions_monthly"):
            return ()
        rows = self.rows(
            f"""
            select platform, community, place, rule, subject, figure, figure_low, figure_high, n, evidence_ids
            from marts.fct_actions_monthly where {OF_MONTH} and {self.in_scope()}
            order by place, platform, community
            """
        )
        ids = {(community_of(row), one) for row in rows for one in _split(row["evidence_ids"])}
        links = self._permalinks(ids)
        return items(
            Action,
            (
                {**row, "evidence": _evidence(links, community_of(row), _split(row["evidence_ids"]))[:EVIDENCE_N]}
                for row in rows
            ),
        )

    def _permalinks(self, ids: Iterable[tuple[Community, str]]) -> Mapping[tuple[Community, str], str | None]:
        """Where these contributions stand; what was taken back is left out."""
        asked = sorted(ids)
        if not asked or not self.has("fct_contributions"):
            return {}
        rows = self.rows(
            """
            select contributions.platform, contributions.community, contributions.contribution_id, permalink
            from marts.fct_contributions as contributions
            inner join (select unnest($asked, recursive := true)) as asked using (platform, community, contribution_id)
            where coalesce(removal, 'none') = 'none' and contributions.contribution_date <= $last
            """,
            asked=[{"platform": of.platform, "community": of.name, "contribution_id": one} for of, one in asked],
        )
        return {(community_of(row), row["contribution_id"]): row["permalink"] for row in rows}

    def needs(self) -> tuple[Need, ...]:
        """What people ask for: of each community on all topics, and the topics that enough people wrote on."""
        if not self.has("fct_needs_monthly"):
            return ()
        rows = self.rows(
            f"""
            select platform, community, need, label, people_n, growth, growth_low, growth_high, is_clear, judged_n
            from marts.fct_needs_monthly
            where {OF_MONTH} and {self.in_scope()} and people_n > 0
                and (topic_id is null or (label is not null and people_n >= {FEWEST_CASES}))
            order by topic_id is null desc, coalesce(is_clear, false) desc, people_n desc, platform, community, need,
                label
            limit {NEEDS_N}
            """
        )
        return items(Need, rows)

    def topics(self) -> tuple[Topic, ...]:
        """What people wrote about: what clearly grew first, then what most people wrote on."""
        if not self.has("fct_topics_monthly"):
            return ()
        rows = self.rows(
            f"""
            select platform, community, label, people, people_share, growth, growth_low, growth_high, is_growing
            from marts.fct_topics_monthly
            where {OF_MONTH} and {self.in_scope()} and label is not null and people >= {FEWEST_CASES}
            order by coalesce(is_growing, false) desc, people desc, platform, community, label limit {TOPICS_N}
            """
        )
        return items(Topic, rows)

    def brands(self) -> tuple[Brand, ...]:
        """The brands of the config, ours first; of all communities together, or of the one."""
        if not self.has("fct_share_of_voice", "fct_brand_awareness_monthly", "fct_user_generated_content"):
            return ()
        scope = "(platform = '*' and community = '*')" if self.only is None else self.in_scope()
        rows = self.rows(
            f"""
            with voices as (select * from marts.fct_share_of_voice where {OF_MONTH} and {scope}),
            aware as (select * from marts.fct_brand_awareness_monthly where {OF_MONTH} and {scope}),
            stories as (select * from marts.fct_user_generated_content where {OF_MONTH} and {scope})
            select voices.brand, voices.is_ours, coalesce(aware.people_n, voices.people_n) as people_n,
                aware.aware_share, share_of_voice, share_of_voice_low, share_of_voice_high, good_n, told_n
            from voices left join aware using (brand) left join stories using (brand)
            order by voices.is_ours desc, voices.people_n desc nulls last, brand
            """
        )
        return tuple(Brand(**row) for row in rows)

    def crowds(self) -> tuple[Crowd, ...]:
        """How many people speak for our brands, and how many help; only of platforms whose terms allow to tell."""
        found: list[Crowd] = []
        if self.has("fct_advocates_monthly"):
            found += items(
                Crowd,
                self.rows(
                    f"""
                    select platform, community, 'advocate' as what, brand, count(distinct author_key) as people_n
                    from marts.fct_advocates_monthly where {OF_MONTH} and {self.in_scope()} and is_ours
                    group by platform, community, brand order by people_n desc, platform, community, brand
                    """
                ),
            )
        if self.has("fct_helpers_monthly"):
            found += items(
                Crowd,
                self.rows(
                    f"""
                    select platform, community, 'helper' as what, cast(null as varchar) as brand,
                        count(distinct author_key) as people_n
                    from marts.fct_helpers_monthly where {OF_MONTH} and {self.in_scope()}
                    group by platform, community order by people_n desc, platform, community
                    """
                ),
            )
        return tuple(found)

    def pitches(self) -> tuple[Pitch, ...]:
        """What the team wrote, where it wrote."""
        if not self.has("fct_value_to_pitch"):
            return ()
        return items(
            Pitch,
            self.rows(
                f"""
                select platform, community, team_n, helps_n, people_helped_n, pitches_n, removed_n
                from marts.fct_value_to_pitch where {OF_MONTH} and {self.in_scope()} and team_n > 0
                order by team_n desc, platform, community
                """
            ),
        )

    def receptions(self) -> tuple[Reception, ...]:
        """How promotions were taken."""
        if not self.has("fct_promotion_reception"):
            return ()
        return items(
            Reception,
            self.rows(
                f"""
                select platform, community, promoter, posts_n, replies_scored_n, reception
                from marts.fct_promotion_reception where {OF_MONTH} and {self.in_scope()}
                order by reception is null, posts_n desc, platform, community, promoter
                """
            ),
        )

    def events(self) -> tuple[Event, ...]:
        """Offers and launches of the month, and those shortly before."""
        if not self.has("fct_event_effects"):
            return ()
        return items(
            Event,
            self.rows(
                f"""
                select platform, community, event_kind, event, event_date, change_share, is_clear_rise, refusal
                from marts.fct_event_effects
                where event_date between cast($first as date) - {_EVENT_DAYS} and $last and {self.in_scope()}
                order by event_date desc, event_kind, event, platform, community
                """
            ),
        )

    def own_communities(self) -> tuple[OwnCommunity, ...]:
        """The communities that are ours."""
        if not self.has("fct_own_communities_monthly"):
            return ()
        return items(
            OwnCommunity,
            self.rows(
                f"""
                select platform, community, members_n, members_change_n, posts_by_people_n, answered_by_team_share,
                    median_team_answer_h
                from marts.fct_own_communities_monthly where {OF_MONTH} and {self.in_scope()}
                order by platform, community
                """
            ),
        )

    def forms(self) -> tuple[Form, ...]:
        """Forms of posts that clearly do better or worse, the clearer of the two metrics of each. Tags are words of
        people and are left out.
        """
        if not self.has("fct_content_performance"):
            return ()
        return items(
            Form,
            self.rows(
                f"""
                select platform, community, dimension, form, metric, posts_n, vs_usual, vs_usual_low, vs_usual_high
                from marts.fct_content_performance
                where {OF_MONTH} and {self.in_scope()} and is_clear and dimension <> 'tag'
                qualify row_number() over (
                    partition by platform, community, dimension, form
                    order by greatest(vs_usual_low, 1 / nullif(vs_usual_high, 0)) desc, metric
                ) = 1
                order by vs_usual_low > 1 desc, greatest(vs_usual_low, 1 / nullif(vs_usual_high, 0)) desc,
                    platform, community, dimension, form
                limit {FORMS_N}
                """
            ),
        )

    def thread_turns(self) -> tuple[ThreadTurn, ...]:
        """Threads of the month whose mood turned, the clearest first."""
        if not self.has("fct_thread_turns"):
            return ()
        rows = self.rows(
            f"""
            select platform, community, contribution_date as day, direction, people_before_n, people_after_n,
                turn_contribution_id
            from marts.fct_thread_turns where {OF_MONTH} and {self.in_scope()}
            order by p_value, contribution_date, platform, community, thread_id limit {THREADS_N}
            """
        )
        links = self._permalinks((community_of(row), row["turn_contribution_id"]) for row in rows)
        return items(
            ThreadTurn,
            (
                {
                    **row,
                    "evidence": next(iter(_evidence(links, community_of(row), [row["turn_contribution_id"]])), None),
                }
                for row in rows
            ),
        )


def _split(ids: str | None) -> list[str]:
    return (ids or "").split()


def _evidence(
    links: Mapping[tuple[Community, str], str | None], of: Community, ids: Iterable[str]
) -> tuple[Evidence, ...]:
    return tuple(Evidence(one, links[of, one]) for one in ids if (of, one) in links)
