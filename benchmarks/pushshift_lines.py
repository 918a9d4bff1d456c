"""Made-up lines in the shape of Pushshift's, for measuring: same seed, same bytes.

About 85 % comments and 15 % posts, near 40 and 90 fields, words drawn with Zipf's frequencies so that the text packs
about as well as real talk. Nothing here is taken from anybody's posts.
"""

import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path

import zstandard

FIRST_S = 1_569_888_000  # 2019-10-01
# Real ids are written in base 36 and nearly all have letters; these hexadecimal ones begin with one.
_FIRST_ID = 0xD00000000
_COMMUNITIES = 400
_AUTHORS = 60_000
_LETTERS = "etaoinshrdlucmfwypvbgkjqxz"


def lines(*, seed: int = 7) -> Iterator[bytes]:
    """Endless records in order of time, one JSON object per line with its line end."""
    rng = random.Random(seed)  # noqa: S311  (no secret: the same seed must give the same bytes)
    words = ["".join(rng.choices(_LETTERS, weights=range(26, 0, -1), k=rng.randint(2, 10))) for _ in range(8_000)]
    weights = list(itertools.accumulate(1 / rank for rank in range(2, len(words) + 2)))
    for number in itertools.count():
        created_s = FIRST_S + number // 25
        is_post = number % 7 == 0
        words_n = min(int(rng.expovariate(1 / 35)) + 1, 1_500)
        text = " ".join(rng.choices(words, cum_weights=weights, k=words_n))
        if rng.random() < 0.08:
            text = rng.choice(("[deleted]", "[removed]"))
        elif rng.random() < 0.3:
            text = text.replace(" the ", "\n\nI don\u2019t \u201cget\u201d it \U0001f600 ", 2)
        record = _post(number, created_s, text, rng) if is_post else _comment(number, created_s, text, rng)
        yield json.dumps(record, separators=(",", ":")).encode() + b"\n"


def write_archive(path: Path, *, raw_bytes: int, seed: int = 7) -> int:
    """Write that many bytes of lines as one Zstandard frame with a 2 GiB window; returns the number of lines."""
    parameters = zstandard.ZstdCompressionParameters.from_level(9, window_log=31, enable_ldm=True)
    written_bytes = lines_n = 0
    draft = path.with_suffix(".draft")
    with (
        draft.open("wb") as file,
        zstandard.ZstdCompressor(compression_params=parameters).stream_writer(file) as writer,
    ):
        for line in lines(seed=seed):
            writer.write(line)
            written_bytes += len(line)
            lines_n += 1
            if written_bytes >= raw_bytes:
                break
    draft.replace(path)
    return lines_n


def _person(rng: random.Random) -> dict[str, object]:
    number = int(_AUTHORS * rng.random() ** 2)
    if number % 12 == 0:
        return {"author": "[deleted]", "author_flair_background_color": "", "author_flair_text_color": "dark"}
    return {
        "author": f"some_body_{number}",
        "author_created_utc": 1_200_000_000 + number * 5_003,
        "author_flair_background_color": None,
        "author_flair_css_class": None,
        "author_flair_richtext": [],
        "author_flair_template_id": None,
        "author_flair_text": None,
        "author_flair_text_color": None,
        "author_flair_type": "text",
        "author_fullname": f"t2_{number * 7_919:x}",
        "author_patreon_flair": False,
    }


def _place(rng: random.Random) -> dict[str, object]:
    number = int(_COMMUNITIES * rng.random() ** 2)
    name = f"Community{number}"
    return {
        "subreddit": name,
        "subreddit_id": f"t5_{number + 50_000:x}",
        "subreddit_name_prefixed": f"r/{name}",
        "subreddit_type": "public",
    }


def _comment(number: int, created_s: int, text: str, rng: random.Random) -> dict[str, object]:
    thread = _FIRST_ID + number - rng.randint(1, 5_000)
    place = _place(rng)
    parent = f"t3_{thread:x}" if rng.random() < 0.5 else f"t1_f{_FIRST_ID + number - rng.randint(1, 500):x}"
    return {
        "all_awardings": [],
        "approved_at_utc": None,
        "approved_by": None,
        "archived": False,
        "associated_award": None,
        **_person(rng),
        "awarders": [],
        "banned_at_utc": None,
        "banned_by": None,
        "body": text,
        "can_gild": True,
        "can_mod_post": False,
        "collapsed": False,
        "collapsed_because_crowd_control": None,
        "collapsed_reason": None,
        "controversiality": 0,
        "created_utc": created_s,
        "distinguished": None,
        "edited": False if rng.random() < 0.95 else created_s + 600,
        "gilded": 0,
        "gildings": {},
        "id": f"f{_FIRST_ID + number:x}",
        "is_submitter": rng.random() < 0.1,
        "link_id": f"t3_{thread:x}",
        "locked": False,
        "no_follow": True,
        "parent_id": parent,
        "permalink": f"/r/{place['subreddit']}/comments/{thread:x}/what_do_you_make_of_this/f{_FIRST_ID + number:x}/",
        "quarantined": False,
        "removal_reason": None,
        "retrieved_on": created_s + 2_000_000,
        "score": int(rng.paretovariate(1.2)),
        "send_replies": True,
        "steward_reports": [],
        "stickied": False,
        **place,
        "total_awards_received": 0,
        "treatment_tags": [],
    }


def _post(number: int, created_s: int, text: str, rng: random.Random) -> dict[str, object]:
    place = _place(rng)
    link = f"https://www.reddit.com/r/{place['subreddit']}/comments/{_FIRST_ID + number:x}/what_do_you_make_of_this/"
    return {
        "all_awardings": [],
        "allow_live_comments": False,
        "archived": False,
        **_person(rng),
        "awarders": [],
        "can_gild": False,
        "can_mod_post": False,
        "category": None,
        "content_categories": None,
        "contest_mode": False,
        "created_utc": created_s,
        "discussion_type": None,
        "distinguished": None,
        "domain": f"self.{place['subreddit']}",
        "edited": False,
        "gilded": 0,
        "gildings": {},
        "hidden": False,
        "hide_score": False,
        "id": f"{_FIRST_ID + number:x}",
        "is_crosspostable": True,
        "is_meta": False,
        "is_original_content": False,
        "is_reddit_media_domain": False,
        "is_robot_indexable": True,
        "is_self": True,
        "is_video": False,
        "link_flair_background_color": "",
        "link_flair_css_class": None,
        "link_flair_richtext": [],
        "link_flair_text": None if rng.random() < 0.7 else "Discussion",
        "link_flair_text_color": "dark",
        "link_flair_type": "text",
        "locked": False,
        "media": None,
        "media_embed": {},
        "media_only": False,
        "no_follow": True,
        "num_comments": rng.randint(0, 200),
        "num_crossposts": 0,
        "over_18": rng.random() < 0.05,
        "parent_whitelist_status": "all_ads",
        "permalink": link.removeprefix("https://www.reddit.com"),
        "pinned": False,
        "pwls": 6,
        "quarantine": False,
        "removal_reason": None,
        "removed_by_category": None if rng.random() < 0.9 else "moderator",
        "retrieved_on": created_s + 2_000_000,
        "score": int(rng.paretovariate(1.0)),
        "secure_media": None,
        "secure_media_embed": {},
        "selftext": text,
        "send_replies": True,
        "spoiler": False,
        "stickied": False,
        "subreddit_subscribers": 1_000_000,
        "suggested_sort": None,
        "thumbnail": "self",
        "thumbnail_height": None,
        "thumbnail_width": None,
        "title": text[:120] if text[0] != "[" else "What do you make of this?",
        "total_awards_received": 0,
        "treatment_tags": [],
        "upvote_ratio": 0.87,
        "url": link,
        "whitelist_status": "all_ads",
        "wls": 6,
        **place,
    }
