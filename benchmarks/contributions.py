"""Contract rows made with SQL, for measuring what comes after the source: same arguments, same rows."""

from datetime import date

from pulse.core.contract import projection


def select_contributions(day: date, rows_n: int, *, load_id: str, community: str = "bench") -> str:
    """A select of ``rows_n`` contributions of one day: one in ten is a post, the others comment on earlier ones.

    Ids grow with time, as a platform's do; people write with a long tail.
    """
    first = day.toordinal() * 1_000_000
    offset_us = f"(n * 86399000000 // {rows_n})::bigint"
    kind = "case when n % 10 = 0 then 'post' else 'comment' end"
    number = f"to_base({first} + n, 36)"
    post = f"'t3_' || lower(to_base({first} + n - n % 10, 36))"
    words = "['good', 'bad', 'the', 'kettle', 'works', 'fine', 'love', 'broke', 'again', 'never', 'tea', 'asks']"
    text = (
        f"array_to_string(list_transform(range(8 + n % 40), i -> {words}[1 + ((n * 7 + i * i * 13) % 12)::int]), ' ')"
    )
    return (
        "select "
        + projection(
            overrides={
                "platform": "'reddit'",
                "community": f"'{community}'",
                "contribution_id": f"case when n % 10 = 0 then 't3_' else 't1_' end || lower({number})",
                "kind": kind,
                "thread_id": post,
                "parent_id": f"case when n % 10 = 0 then null else {post} end",
                "created_at": f"timestamptz '{day} 00:00:00+00' + to_microseconds({offset_us})",
                "edited_at": "null",
                "observed_at": f"timestamptz '{day} 00:00:00+00' + interval 30 day",
                "title": f"case when n % 10 = 0 then left({text}, 80) end",
                "body": f"case when n % 10 = 0 then null else {text} end",
                "url": "null",
                "permalink": "null",
                "tags": "[]::varchar[]",
                "author_key": f"sha256('p' || ((n * 7919 + {day.toordinal()}) % {rows_n // 5 + 1}) // (1 + n % 7))",
                "author_role": "'member'",
                "score": "n % 97",
                "upvote_ratio": "0.9",
                "reply_count": "case when n % 10 = 0 then 9 end",
                "award_count": "0",
                "view_count": "null",
                "share_count": "null",
                "reactions": "null",
                "removal": "'none'",
                "source": "'reddit_archive'",
                "load_id": f"'{load_id}'",
                "extra": "null",
                "channel": "null",
                "is_accepted_answer": "null",
            }
        )
        + f" from range({rows_n}) as numbers(n)"
    )
