"""What a live source, or the store of a lake, is asked with. Checked before anything is sent, and never shown.

Two ways lead here: variables of the environment and an Airflow connection (``orchestration/connections.py``). A set of
credentials comes from one of them whole: a secret of one application beside the id of another is of no use. Who needs
them states their fields once, and both ways, Airflow's form, `pulse doctor` and the masking of logs follow from them.
"""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NoReturn, Self
from urllib.parse import quote_plus

from pulse.core.errors import ConfigError

# Where Airflow's form of a connection has a field of its own; all others are in its extra fields.
Place = Literal["login", "password", "host", "extra"]
# Where credentials may be sent besides the service itself: this machine.
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_META = "given"


@dataclass(frozen=True)
class Given:
    """One value of a set of credentials, as people are asked for it.

    Attributes:
        description: what to give, shown in Airflow's form; for a host also what stands in its field as an example.
        keeps_blanks: whether blanks around it may be part of it, as in a password.
    """

    label: str
    place: Place
    description: str
    is_secret: bool
    keeps_blanks: bool


def given(
    label: str,
    *,
    place: Place = "extra",
    description: str = "",
    is_secret: bool = False,
    keeps_blanks: bool = False,
    default: Any = dataclasses.MISSING,
) -> Any:
    """A field of a dataclass of credentials; secrets are kept out of its ``repr``."""
    return dataclasses.field(
        default=default,
        repr=not is_secret,
        metadata={_META: Given(label, place, description, is_secret, keeps_blanks)},
    )


@dataclass(frozen=True)
class Credentials:
    """A set of credentials; a source adds its fields by :func:`given` and checks them in ``__post_init__``.

    Attributes:
        service: who is asked, as people call it.
        section: begins the variables ``PULSE_<SECTION>_<FIELD>``; in lower case, Airflow's connection type, and with
            ``_default`` its connection.
        key_field: without it nothing was given.
        how: what to set where nothing was given, and what works without.
        way_to_get: where a newcomer gets them, and what works without.
        is_optional: the service answers without them too, if less: where nothing was given, all fields are empty.
    """

    service: ClassVar[str]
    section: ClassVar[str]
    key_field: ClassVar[str]
    is_optional: ClassVar[bool] = False
    how: ClassVar[str]
    way_to_get: ClassVar[str]

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: secrets stay in the process that read them, out of XCom and files."""
        raise TypeError("credentials cannot be pickled")

    @property
    def grant(self) -> str:
        """Which kind of access this asks for, in words."""
        return "credentials"

    @property
    def asked_url(self) -> str:
        """The server that is asked, as text for people; empty if it is the service's own."""
        return ""

    @property
    def shown(self) -> str:
        """What else of them may be shown, as it goes on behind the place they come from."""
        return ""

    def secrets(self) -> tuple[str, ...]:
        """What must not be shown anywhere: each secret, in every form in which it travels."""
        plain = [getattr(self, name) for name, one in self.fields().items() if one.is_secret]
        forms = [form for value in plain if value for form in (value, quote_plus(value))]
        return tuple(dict.fromkeys(forms))

    @classmethod
    def fields(cls) -> dict[str, Given]:
        """The values by field name, in order."""
        return {one.name: one.metadata[_META] for one in dataclasses.fields(cls)}

    @classmethod
    def of(cls, values: Mapping[str, object]) -> Self:
        """Credentials of values by field name; what is missing is left to its default, and empty.

        Raises:
            ConfigError: something is missing, does not go together, or would be sent elsewhere.
        """
        return cls(**{field.name: _given_text(field, values.get(field.name)) for field in dataclasses.fields(cls)})

    @classmethod
    def own_url(cls) -> str:
        """The service's own server; its name where no field of the credentials is an address."""
        urls = (field.default for field in dataclasses.fields(cls) if field.metadata[_META].place == "host")
        return str(next(urls, cls.service))

    @classmethod
    def variable(cls, name: str) -> str:
        """The variable of the environment that gives a field."""
        return f"PULSE_{cls.section}_{name.upper()}"

    @classmethod
    def from_environment(cls) -> Self | None:
        """The credentials in the environment; None if the key field is not set there.

        Raises:
            ConfigError: see :meth:`of`.
        """
        if not os.environ.get(cls.variable(cls.key_field), "").strip():
            return None
        return cls.of({name: os.environ.get(cls.variable(name), "") for name in cls.fields()})

    @classmethod
    def connection_id(cls) -> str:
        """Which Airflow connection is asked if the environment gives none.

        It is named by ``PULSE_<SECTION>_CONNECTION``, or the default.
        """
        return os.environ.get(cls.variable("connection"), "").strip() or cls.default_connection_id()

    @classmethod
    def default_connection_id(cls) -> str:
        """The connection that is asked unless the environment names another."""
        return f"{cls.section.lower()}_default"

    @classmethod
    def require(cls, found: Self | None) -> Self:
        """What was given, or the error that says how to give it, and what works without.

        Raises:
            ConfigError: nothing was given.
        """
        if found is None and cls.is_optional:
            return cls.of({})
        if found is None:
            raise ConfigError(
                f"{cls.service} credentials", value="none",
                next_step=f"add the Airflow connection {cls.connection_id()}, or set {cls.how}",
            )  # fmt: skip
        return found


def _given_text(field: "dataclasses.Field[Any]", value: object) -> Any:
    """A value as it was typed or stored, without what surrounds it; the field's default where there is nothing."""
    one: Given = field.metadata[_META]
    text = str(value or "")
    text = text if one.keeps_blanks else text.strip()
    text = text.rstrip("/") if one.place == "host" else text
    return text or ("" if field.default is dataclasses.MISSING else field.default)


def from_environment(kind: type[Credentials]) -> Credentials:
    """The credentials of that kind in the environment; where a process is no task of Airflow's.

    Raises:
        ConfigError: there are none, or they cannot be used.
    """
    return kind.require(kind.from_environment())
