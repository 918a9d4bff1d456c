"""Where the lake lives, by ``lake`` in the config or ``PULSE_LAKE``: in the home or in a store; and steps on it."""

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Concatenate, ParamSpec, Protocol, TypeVar

from pydantic import AfterValidator, TypeAdapter, ValidationError

from pulse.config.document import config_path, read_document
from pulse.core.credentials import Credentials, from_environment
from pulse.core.errors import ConfigError
from pulse.core.home import Home
from pulse.lake.store import Ask, address, open_store

if TYPE_CHECKING:
    from pulse.config.settings import Settings

VARIABLE = "PULSE_LAKE"
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def _address(url: str) -> str:
    try:
        return address(url)
    except ConfigError as error:
        raise ValueError(f"{error.value} is no address of a lake: {error.limit}") from None


LakeAddress = Annotated[str, AfterValidator(_address)]


class _OfPipeline(Protocol):
    """What has a home and settings, and gives credentials."""

    @property
    def home(self) -> Home: ...
    @property
    def settings(self) -> "Settings": ...
    @property
    def ask_credentials(self) -> Callable[[type[Credentials]], Credentials]: ...


_Owner = TypeVar("_Owner", bound=Home | _OfPipeline)


def lake_url(configured: str | None = None) -> str | None:
    """The store that the lake lives in: ``$PULSE_LAKE``, or what the config says; None where it is the home's own.

    Raises:
        ConfigError: it is no address.
    """
    url = os.environ.get(VARIABLE)
    try:
        return address(url) if url else configured
    except ConfigError as error:
        raise ConfigError(VARIABLE, value=error.value, limit=error.limit, next_step=error.next_step) from None


def lake_of_config() -> str | None:
    """The same, for who has no settings: the config's part alone is read, and only where the environment names none.

    A config that cannot be read is no answer: nobody must work on the home's own lake because of a slip.

    Raises:
        ConfigError: the file cannot be read, or says of the lake what cannot be. The message names file and line.
    """
    if os.environ.get(VARIABLE):
        return lake_url()
    document = read_document(config_path())
    given = document.values.get("lake") if isinstance(document.values, dict) else None
    try:
        return None if given is None else TypeAdapter(LakeAddress).validate_python(given, strict=True)
    except ValidationError as error:
        _, place = document.as_written(("lake",))
        raise ConfigError(
            f"config {place}", value=f"lake: {error.errors()[0]['msg']}", next_step="mend that value"
        ) from error


def on_lake(
    step: Callable[Concatenate[_Owner, _Arguments], _Result],
) -> Callable[Concatenate[_Owner, _Arguments], _Result]:
    """Make a function whose first argument is a home, or a pipeline, a step on the lake; steps within steps are one."""

    @functools.wraps(step)
    def on(owner: _Owner, /, *arguments: _Arguments.args, **options: _Arguments.kwargs) -> _Result:
        with working(owner):
            return step(owner, *arguments, **options)

    return on


@contextmanager
def working(owner: Home | _OfPipeline, *, ask: Ask = from_environment) -> Iterator[None]:
    """Work on the lake where it lives; on the home's own, that costs nothing.

    Args:
        owner: a home, or a pipeline, which brings its settings and way to credentials.
        ask: gives credentials where the owner is a home.

    Raises:
        ConfigError: the address or the credentials cannot be used.
        LakeChanged and others: see :func:`pulse.lake.mirror.working`.
    """
    from pulse.lake import mirror  # with DuckDB and pyarrow; who reads the config alone needs neither

    home = owner if isinstance(owner, Home) else owner.home
    if mirror.is_at_work(home):
        yield
        return
    url = lake_of_config() if isinstance(owner, Home) else lake_url(owner.settings.lake)
    if url is None:
        yield
        return
    with mirror.working(home, open_store(url, ask if isinstance(owner, Home) else owner.ask_credentials)):
        yield
