"""What worked: forms of posts, the posts that did best, and what goes together with results of the business."""

from collections.abc import Mapping
from typing import Any

from pulse.core.text import printable
from pulse.reports import acting, layout, telling
from pulse.reports.contents import Form, GoodPost, Impact, Report
from pulse.reports.links import permalink
from pulse.showing import figures, words

_FORMS_N = 3
_POSTS_N = 3
_TITLE_CHARS = 120
_DRIVERS = {"comments": "Many comments", "net_sentiment": "A good mood"}


def section(report: Report) -> dict[str, Any] | None:
    """What the page tells; None where neither posts nor results are known."""
    posts = [_post(post) for post in report.good_posts or ()]
    impacts = _impacts(report)
    if not (report.forms or posts or impacts):
        return None
    return {
        "ages": figures.listed(sorted({words.age_text(post.age_label) or "" for post in report.good_posts or ()})),
        "forms": [_form(report, form) for form in report.forms[:_FORMS_N]],
        "posts": posts[:_POSTS_N],
        "more_posts": posts[_POSTS_N:],
        "impacts": impacts,
    }


def _form(report: Report, form: Form) -> str:
    what = acting.form_words(report, form.dimension, form.form)
    metric = "score" if form.metric == "score" else "replies"
    likely = layout.bounds(form.vs_usual_low, form.vs_usual_high, "ratio")
    return (
        f"{what[0].upper()}{what[1:]} in {telling.name(form.of)} get {layout.times(form.vs_usual)} the {metric} of "
        f"other posts, and clearly so (likely {likely}; {figures.counted(form.posts_n, 'post')})."
    )


def _post(post: GoodPost) -> Mapping[str, Any]:
    replies = "" if post.reply_count is None else f", {figures.counted(post.reply_count, 'reply', 'replies')}"
    return {
        "title": None if post.title is None else printable(" ".join(post.title.split()), max_chars=_TITLE_CHARS),
        "link": permalink(post.of.platform, post.permalink),
        "community": telling.name(post.of),
        "day": figures.short_day(post.day),
        "told": f"{layout.count(post.score)} points{replies}; better than at least "
        f"{figures.whole_percent(post.score_percentile_low)} of {post.peers_n:,}",
    }


def _impacts(report: Report) -> layout.Table | None:
    rows = [
        (
            f"{_DRIVERS.get(impact.kpi) or words.of_kpi(impact.kpi, None).label} in {telling.name(impact.of)}",
            _result(impact),
            _what_it_says(impact),
        )
        for impact in report.impacts or ()
    ]
    return layout.folded(("Days with", "And", "What it says"), rows, shown_n=4)


def _result(impact: Impact) -> str:
    result = words.of_kpi(impact.result, None).label.lower() + (f" in {impact.currency}" if impact.currency else "")
    when = "on the same day" if not impact.lag_days else f"{figures.counted(impact.lag_days, 'day')} later"
    return f"{result} {when}"


def _what_it_says(impact: Impact) -> str:
    if not impact.is_beyond_chance:
        return "could be chance"
    return "go up together, and clearly so" if impact.correlation > 0 else "one goes up as the other goes down"
