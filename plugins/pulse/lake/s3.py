"""The lake on S3, or on whatever speaks its protocol: conditional puts, listings, versions of objects.

Credentials are given, and are in no file, message or log of ours. What is put is signed with its SHA-256, so a server
refuses what was changed on the way.
"""

import io
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, Self, TypeVar

from pulse.core.errors import ConfigError, ObjectStoreError, ObjectStoreRefused, ObjectStoreUnavailable
from pulse.lake.credentials import LakeCredentials
from pulse.lake.store import Listed, Tagged, write_stream

# Largest object that one put may bring, by the protocol; files of raw are far smaller.
MOST_BYTES = 5 * 1024**3
_MOST_KEYS_A_DELETE = 1_000
_TRIES_N = 4
_ABSENT = frozenset({"NoSuchKey", "404", "NotFound"})
_LOST = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
_REFUSED = frozenset(
    {
        "AccessDenied", "AllAccessDisabled", "ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "RequestExpired",
        "RequestTimeTooSkewed", "SignatureDoesNotMatch", "401", "403",
    }
)  # fmt: skip
_PASSING = frozenset({"InternalError", "RequestTimeout", "ServiceUnavailable", "SlowDown", "Throttling"})
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class S3Store:
    """A prefix of a bucket, see :class:`pulse.lake.store.Store`."""

    bucket: str
    prefix: str
    client: Any = field(repr=False)

    @classmethod
    def open(cls, bucket: str, prefix: str, credentials: LakeCredentials, *, timeout_s: float = 60.0) -> Self:
        """Asks nobody yet.

        Args:
            timeout_s: how long an answer may take; a request that takes longer is tried again, four times in all.

        Raises:
            ConfigError: the endpoint is no address.
        """
        import botocore.session
        from botocore.config import Config

        # Its debugging shows headers with the session's token.
        logging.getLogger("botocore").setLevel(logging.INFO)
        endpoint = credentials.endpoint_url or None
        try:
            client = botocore.session.Session().create_client(
                "s3",
                region_name=credentials.region,
                endpoint_url=endpoint,
                aws_access_key_id=credentials.access_key_id,
                aws_secret_access_key=credentials.secret_access_key,
                aws_session_token=credentials.session_token or None,
                config=Config(
                    connect_timeout=min(10.0, timeout_s), read_timeout=timeout_s, max_pool_connections=16,
                    retries={"mode": "standard", "total_max_attempts": _TRIES_N},
                    # Others than Amazon do not all know the newer checksums. The payload's SHA-256 is signed instead.
                    request_checksum_calculation="when_required", response_checksum_validation="when_required",
                    s3={"payload_signing_enabled": True, "addressing_style": "path" if endpoint else "auto"},
                ),
            )  # fmt: skip
        except ValueError as error:  # its text holds the address, and that may hold a password
            raise ConfigError(
                "S3 endpoint or region", value="is none", limit="such as https://s3.example.org:9000 and us-east-1",
                next_step="mend AWS_ENDPOINT_URL or AWS_REGION, or the connection's fields",
            ) from error  # fmt: skip
        return cls(bucket, prefix, client)

    @staticmethod
    def require_client() -> None:
        """Refuse to begin without the client.

        Raises:
            ConfigError: botocore is not there.
        """
        if find_spec("botocore") is None:
            raise ConfigError(
                "lake on S3", value="botocore is not installed",
                next_step="pip install --require-hashes --requirement requirements/s3.txt",
            )  # fmt: skip

    @property
    def url(self) -> str:
        """Its address."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def list(self, prefix: str) -> Iterator[Listed]:
        """See :class:`pulse.lake.store.Store`; a request for each 1,000 objects."""
        with self._translated("listing"):
            for page in self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self._full(prefix)
            ):
                for item in page.get("Contents", ()):
                    yield Listed(self._relative(item["Key"]), int(item["Size"]))

    def read(self, key: str) -> Tagged | None:
        """See :class:`pulse.lake.store.Store`."""
        return self._whole(key, lambda answer: Tagged(answer["Body"].read(), str(answer["ETag"])))

    def fetch(self, key: str, target: Path) -> str | None:
        """See :class:`pulse.lake.store.Store`."""
        return self._whole(key, lambda answer: write_stream(answer["Body"], target))

    def put(self, key: str, content: BinaryIO) -> None:
        """See :class:`pulse.lake.store.Store`."""
        size_bytes = content.seek(0, io.SEEK_END)
        content.seek(0)
        if size_bytes > MOST_BYTES:
            raise ObjectStoreError(
                f"{self.url}/{key}", value=f"{size_bytes} bytes", limit=f"{MOST_BYTES} bytes in one put",
                next_step="write it in smaller files; no file of raw should be that large",
            )  # fmt: skip
        with self._translated(key):
            self.client.put_object(
                Bucket=self.bucket, Key=self._full(key), Body=content, ContentLength=size_bytes,
                ContentType="application/octet-stream",
            )  # fmt: skip

    def put_if(self, key: str, data: bytes, *, tag: str | None) -> str | None:
        """See :class:`pulse.lake.store.Store`."""
        from botocore.exceptions import ClientError

        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        with self._translated(key):
            try:
                answer = self.client.put_object(
                    Bucket=self.bucket, Key=self._full(key), Body=data, ContentType="application/json", **condition
                )
            except ClientError as error:
                # Amazon says NoSuchKey where the object that must match is gone.
                if _code(error) in _LOST or (tag is not None and _code(error) in _ABSENT):
                    return None
                raise
        return str(answer["ETag"])

    def delete(self, keys: Collection[str]) -> None:
        """See :class:`pulse.lake.store.Store`; a request for each 1,000 objects."""
        self._delete([{"Key": self._full(key)} for key in sorted(keys)])

    def keeps_versions(self) -> bool | None:
        """See :class:`pulse.lake.store.Store`. A bucket that was told to stop keeping them has old ones still."""
        try:
            with self._translated("versioning"):
                answer = self.client.get_bucket_versioning(Bucket=self.bucket)
        except ObjectStoreRefused:
            return None
        return answer.get("Status") in {"Enabled", "Suspended"}

    def purge_versions(self, prefix: str) -> int:
        """See :class:`pulse.lake.store.Store`; marks of deletions go too, and are not counted."""
        spent: list[dict[str, str]] = []
        marks: list[dict[str, str]] = []
        with self._translated("versions"):
            for page in self.client.get_paginator("list_object_versions").paginate(
                Bucket=self.bucket, Prefix=self._full(prefix)
            ):
                for found, items in ((spent, page.get("Versions", ())), (marks, page.get("DeleteMarkers", ()))):
                    found += [
                        {"Key": item["Key"], "VersionId": item["VersionId"]}
                        for item in items
                        if found is marks or not item["IsLatest"]
                    ]
        # Without its mark, a version that still stands under it would come back.
        self._delete(spent)
        self._delete(marks)
        return len(spent)

    # ---- helpers -----------------------------------------------------------

    def _full(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    def _relative(self, key: str) -> str:
        return key.removeprefix(f"{self.prefix}/") if self.prefix else key

    def _get(self, key: str) -> Any:
        from botocore.exceptions import ClientError

        with self._translated(key):
            try:
                return self.client.get_object(Bucket=self.bucket, Key=self._full(key))
            except ClientError as error:
                if _code(error) in _ABSENT:
                    return None
                raise

    def _whole(self, key: str, take: Callable[[Any], _Answer]) -> _Answer | None:
        """What an object holds; asked for again where it breaks off, which the client does only until it begins."""
        for try_n in range(1, _TRIES_N + 1):
            answer = self._get(key)
            if answer is None:
                return None
            try:
                with self._translated(key):
                    return take(answer)
            except ObjectStoreUnavailable:
                if try_n == _TRIES_N:
                    raise
        raise AssertionError

    def _delete(self, objects: Sequence[dict[str, str]]) -> None:
        for start in range(0, len(objects), _MOST_KEYS_A_DELETE):
            with self._translated("deleting"):
                answer = self.client.delete_objects(
                    Bucket=self.bucket,
                    Delete={"Objects": objects[start : start + _MOST_KEYS_A_DELETE], "Quiet": True},
                )
            if failed := answer.get("Errors"):
                raise self._error(self._relative(str(failed[0].get("Key"))), str(failed[0].get("Code")), None)

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        """Turn the client's errors into ours. Their texts are left out: they may hold addresses and headers."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            raise self._error(what, _code(error), status) from error
        except BotoCoreError as error:
            raise ObjectStoreUnavailable(
                f"{self.url}, {what}", value=f"no whole answer ({type(error).__name__})", limit=f"{_TRIES_N} tries",
                next_step="see whether the server runs, and whether AWS_ENDPOINT_URL or the connection's host is right",
            ) from error  # fmt: skip

    def _error(self, what: str, code: str, status: int | None) -> ObjectStoreError:
        thing = f"{self.url}, {what}"
        if code == "NoSuchBucket":
            return ObjectStoreError(
                thing, value=f"there is no bucket {self.bucket}", next_step="make it, or mend the address"
            )
        if code in _REFUSED or status in {401, 403}:
            return ObjectStoreRefused(
                thing, value=f"refused ({code})",
                next_step="see whether the account's key may list, read, write and delete there",
            )  # fmt: skip
        if code in _PASSING or status == 429 or (status or 0) >= 500:
            return ObjectStoreUnavailable(
                thing, value=f"answered {code}", limit=f"{_TRIES_N} tries", next_step="run the same again later"
            )
        return ObjectStoreError(thing, value=f"answered {code}", next_step="look into the server's log for it")


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))
