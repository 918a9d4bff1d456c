"""What a store on S3 is asked with: from the environment, under the names of Amazon's own tools, or a connection."""

import os
from dataclasses import dataclass
from typing import ClassVar, Self
from urllib.parse import urlsplit

from pulse.core.credentials import Credentials, given
from pulse.core.errors import ConfigError

# The first that is set gives the field.
_VARIABLES = {
    "access_key_id": ("AWS_ACCESS_KEY_ID",),
    "secret_access_key": ("AWS_SECRET_ACCESS_KEY",),
    "session_token": ("AWS_SESSION_TOKEN",),
    "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "endpoint_url": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
}


@dataclass(frozen=True)
class LakeCredentials(Credentials):
    """The key of an account of the bucket, and where the bucket is.

    Attributes:
        endpoint_url: of what speaks S3's protocol; empty for Amazon itself.

    Raises:
        ConfigError: something is missing, or would not go into a header or an address. Shows no value.
    """

    access_key_id: str = given("Access key id", place="login")
    secret_access_key: str = given("Secret access key", place="password", is_secret=True)
    session_token: str = given("Session token", description="Of keys that end.", is_secret=True, default="")
    region: str = given("Region", description="us-east-1 if nothing is given.", default="us-east-1")
    endpoint_url: str = given(
        "Endpoint", place="host", description="https://s3.example.org, only where it is not Amazon", default=""
    )

    service: ClassVar[str] = "S3"
    section: ClassVar[str] = "LAKE"
    key_field: ClassVar[str] = "access_key_id"
    how: ClassVar[str] = (
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; outside of Airflow, the environment alone is asked"
    )
    way_to_get: ClassVar[str] = 'docs/scale.md, "Object storage"'

    def __post_init__(self) -> None:
        for name, one in self.fields().items():
            value = getattr(self, name)
            if not value and name in {"access_key_id", "secret_access_key"}:
                raise ConfigError(
                    f"S3 {one.label.lower()}", value="not given, though its counterpart is", limit="both",
                    next_step=f"set {self.variable(name)}, or the field of the connection {self.connection_id()}",
                )  # fmt: skip
            if not value.isascii() or not value.isprintable() or " " in value:
                raise ConfigError(
                    f"S3 {one.label.lower()}", value="holds a character that cannot be part of it",
                    limit="printable ASCII without spaces",
                    next_step=f"copy it again, without what surrounds it, into {self.variable(name)} or the connection",
                )  # fmt: skip
        if self.endpoint_url and not _is_plain(self.endpoint_url):
            raise ConfigError(
                "S3 endpoint", value="is no address, or holds more than one", limit="such as https://s3.example.org:9000",
                next_step="mend AWS_ENDPOINT_URL, or the connection's host; leave it out for Amazon's own",
            )  # fmt: skip

    @property
    def grant(self) -> str:
        """Which kind of access this asks for, in words."""
        return "a key that ends" if self.session_token else "a key"

    @property
    def asked_url(self) -> str:
        """The server, unless it is Amazon's own."""
        return self.endpoint_url

    @classmethod
    def variable(cls, name: str) -> str:
        """The variable of the environment that gives a field: those of Amazon's own tools."""
        return _VARIABLES[name][0] if name in _VARIABLES else super().variable(name)

    @classmethod
    def from_environment(cls) -> Self | None:
        """The credentials in the environment; None if no key is set there.

        Raises:
            ConfigError: see the class.
        """
        found = {
            name: next((value for variable in variables if (value := os.environ.get(variable, "").strip())), "")
            for name, variables in _VARIABLES.items()
        }
        return cls.of(found) if found[cls.key_field] or found["secret_access_key"] else None


def _is_plain(url: str) -> bool:
    """Whether a URL names a server and nothing else: what stands before a host may be a password."""
    try:
        parts = urlsplit(url)
        has_port = parts.port is not None
    except ValueError:
        return False
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    own = f"{parts.scheme}://{host}" + (f":{parts.port}" if has_port else "")
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and url.lower() == own
