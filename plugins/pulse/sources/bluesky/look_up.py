"""Whether posts of Bluesky are still there: 25 to a call, by the addresses that their ids stand for.

What is gone, or was taken down, or is blocked for guests, is left out of the answer without a word.
"""

from collections.abc import Sequence

from pulse.sources.bluesky.ids import PostIds
from pulse.sources.bluesky.live import BLUESKY
from pulse.sources.bluesky.reading import MOST_POSTS, SERVICE
from pulse.sources.live.fields import BadRecord
from pulse.sources.live.http import JsonAnswer
from pulse.sources.live.look_up import KnownId, LookedUp, Questions, changed_form, states_of_all
from pulse.sources.live.question import Params

_PATH = "/xrpc/app.bsky.feed.getPosts"


def questions_with(author_key: bytes) -> Questions:
    """The questions under a key; a post of another key cannot be asked for, and is refused as an error."""
    ids = PostIds(author_key)

    def question(_: object, batch: Sequence[KnownId]) -> tuple[str, Params]:
        addresses = [ids.uri_of(one.contribution_id) for one in batch]
        if None in addresses:
            raise changed_form(SERVICE, expected="ids under this installation's author key")
        return _PATH, {"uris": [address for address in addresses if address is not None]}

    def states(answer: JsonAnswer, batch: Sequence[KnownId]) -> list[LookedUp]:
        posts = answer.document.get("posts") if isinstance(answer.document, dict) else None
        if answer.status != 200 or not isinstance(posts, list):
            raise changed_form(SERVICE, expected="an object with `posts`")
        found: dict[str, LookedUp] = {}
        for post in posts:
            uri = post.get("uri") if isinstance(post, dict) else None
            try:
                post_id = ids.id_of(uri if isinstance(uri, str) else "")
            except BadRecord:
                raise changed_form(SERVICE, expected="posts with their addresses") from None
            found[post_id] = LookedUp(post_id, "present", answer.answered_at)
        return states_of_all(found, batch, answer.answered_at)

    return Questions(ids_per_call=MOST_POSTS, endpoint=BLUESKY.endpoint, question=question, states=states)
