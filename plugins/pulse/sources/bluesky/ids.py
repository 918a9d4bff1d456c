"""Ids of posts that name nobody, and can be turned back into what Bluesky is asked with.

A post is known by ``at://<account>/app.bsky.feed.post/<key>``: who wrote it stands in it. A hash would hide that, but
the platform could not be asked for the post again, and a table of addresses would keep the accounts. So an id is the
address in a deterministic authenticated cipher (AES-SIV, RFC 5297) under a key that is made of the one that hashes
authors: the same post has the same id, two posts of one account have nothing in common, and who has no key learns
nothing. Who has it could find out authors by their hashes too.
"""

import base64
import binascii
import hashlib
import hmac
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from pulse.sources.live.fields import BadRecord

_PURPOSE = b"bluesky: ids of posts"
_POST = re.compile(r"at://(did:[a-z]{1,20}:[A-Za-z0-9._:%-]{1,200})/app\.bsky\.feed\.post/([A-Za-z0-9._:~-]{1,200})")


class PostIds:
    """Ids under one key.

    Args:
        key: the one that hashes authors.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(hmac.new(key, _PURPOSE, hashlib.sha512).digest())

    def id_of(self, uri: str) -> str:
        """The id of a post.

        Raises:
            BadRecord: it is no address of a post.
        """
        account, key = _parts(uri)
        sealed = self._cipher.encrypt(f"{account}/{key}".encode("ascii"), None)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")

    def uri_of(self, post_id: str) -> str | None:
        """The address of a post; None where the id is of another key, or none."""
        try:
            sealed = base64.urlsafe_b64decode(post_id + "=" * (-len(post_id) % 4))
            account, _, key = self._cipher.decrypt(sealed, None).decode("ascii").partition("/")
        except (ValueError, binascii.Error, InvalidTag):
            return None
        return f"at://{account}/app.bsky.feed.post/{key}"


def account_of(uri: str) -> str:
    """The account that wrote a post.

    Raises:
        BadRecord: it is no address of a post.
    """
    return _parts(uri)[0]


def _parts(uri: str) -> tuple[str, str]:
    match = _POST.fullmatch(uri)
    if match is None:
        raise BadRecord("not_a_post", "its address is of something else")
    return match[1], match[2]
