"""What people ask for and talk about: needs by community, topics, and the brands of the config."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from pulse.core.text import printable
from pulse.reports import layout, telling
from pulse.reports.contents import Brand, Community, Need, Report, Topic
from pulse.showing import figures, words

_COLUMNS = {
    "complaint": "Complain", "wish": "Wish", "recommendation_request": "Want a recommendation",
    "support_request": "Want help",
}  # fmt: skip
_TOPICS_SHOWN_N = 4
_TOPICS_N = 8
_NEED_TOPICS_N = 6


def needs(report: Report) -> dict[str, Any] | None:
    """How many people voice each need, by community; None where nothing could be judged."""
    of_all = [need for need in report.needs if need.label is None]
    kinds = [kind for kind in dict.fromkeys((*_COLUMNS, *(need.need for need in of_all)))
             if any(need.need == kind for need in of_all)]  # fmt: skip
    by_place = {(need.of, need.need): need for need in of_all}
    rows = [
        (telling.name(of), *(_people(by_place.get((of, kind))) for kind in kinds))
        for of in report.communities
        if any((of, kind) in by_place for kind in kinds)
    ]
    columns = ("Community", *(_COLUMNS.get(kind, printable(kind.replace("_", " ")).capitalize()) for kind in kinds))
    table = layout.folded(columns, rows)
    if table is None:
        return None
    judged: dict[Community, int] = {}
    for need in of_all:
        judged[need.of] = max(judged.get(need.of, 0), need.judged_n or 0)
    about = [_about(need) for need in report.needs if need.label is not None][:_NEED_TOPICS_N]
    return {
        "table": table,
        "judged": f"{sum(judged.values()):,}",
        "about": layout.folded(
            ("What about", "Who and where", "Against the three months before"),
            about,
            shown_n=_NEED_TOPICS_N,
            texts=(1, 2),
        ),
    }


def _people(need: Need | None) -> str | Markup:
    if need is None or need.people_n is None:
        return "–"
    told = f"{need.people_n:,}"
    return Markup('<strong>{}</strong> <span class="step">more, clearly</span>').format(told) if need.is_clear else told


def _about(need: Need) -> tuple[str, str, str]:
    kind = words.NEEDS.get(need.need, printable(need.need.replace("_", " ")))
    who = f"{need.people_n or 0:,} in {telling.name(need.of)}: {kind}"
    return printable(need.label or "", max_chars=60), who, _growth(need.growth, is_clear=need.is_clear)


def _growth(growth: float | None, *, is_clear: bool | None) -> str:
    if growth is None:
        return "–"
    if is_clear is None:
        return "–"
    return f"{layout.times(growth)}, clearly" if is_clear else "no clear change"


# ---- topics -----------------------------------------------------------------


def topics(report: Report) -> dict[str, Any] | None:
    """What people wrote about; None without topics of enough people."""
    rows = [_topic(topic) for topic in _spread(report.topics)]
    table = layout.folded(
        ("Topic, by its words", "Where", "People", "Against before"),
        rows[:_TOPICS_N],
        shown_n=_TOPICS_SHOWN_N,
        texts=(1, 3),
    )
    return None if table is None else {"table": table}


def _spread(topics: Sequence[Topic]) -> list[Topic]:
    """What clearly grew, then the largest, at most two of one community among them."""
    found: list[Topic] = [topic for topic in topics if topic.is_growing]
    for topic in topics:
        if topic not in found and sum(one.of == topic.of for one in found) < 2:
            found.append(topic)
    return found


def _topic(topic: Topic) -> tuple[str, str, str, str]:
    share = "" if topic.people_share is None else f" ({figures.whole_percent(topic.people_share)})"
    return (
        printable(topic.label, max_chars=60),
        telling.name(topic.of),
        f"{topic.people:,}{share}",
        _growth(topic.growth, is_clear=topic.is_growing),
    )


# ---- brands -----------------------------------------------------------------


def brands(report: Report) -> layout.Table | None:
    """How much people speak of the brands of the config; None where none is configured, or nobody named one."""
    if not any(brand.people_n for brand in report.brands):
        return None
    columns = ("Brand", "People who name it", "Of all who name a brand", "Told good things of it")
    return layout.folded(columns, [_brand(brand) for brand in report.brands])


def _brand(brand: Brand) -> tuple[str, ...]:
    known = "" if brand.aware_share is None else f" ({figures.whole_percent(brand.aware_share)} of all)"
    voice = layout.share(brand.share_of_voice)
    if brand.share_of_voice_low is not None and brand.share_of_voice_high is not None:
        voice += f" (likely {layout.bounds(brand.share_of_voice_low, brand.share_of_voice_high, 'share')})"
    good = "–" if not brand.told_n else f"{brand.good_n or 0:,} of {brand.told_n:,} who judged it"
    ours = " (ours)" if brand.is_ours else ""
    return printable(brand.brand, max_chars=60) + ours, f"{layout.count(brand.people_n)}{known}", voice, good
