"""Which online store a target's servers use: a file on this machine, or a database server that several share."""

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Final
from urllib.parse import urlsplit

from andon.adapters.lmdb import LmdbOnline
from andon.expressions.online.store import OnlineStore
from andon.kernel.errors import UsageError
from andon.wiring.served import ServerSettings

_FROM_ENVIRONMENT: Final = "env:"
_SHARED: Final[Mapping[str, tuple[str, str]]] = {
    "postgresql": ("postgres", "PostgresOnline"),
    "postgres": ("postgres", "PostgresOnline"),
    "redis": ("redis", "RedisOnline"),
    "rediss": ("redis", "RedisOnline"),
    "unix": ("redis", "RedisOnline"),
}


def open_online(settings: ServerSettings) -> OnlineStore:
    """The online store of a target; it is reached at the first use.

    Raises:
        UsageError: The settings name no store that there is, or its extra is not installed.
    """
    if not settings.online_url:
        return LmdbOnline(settings.online)
    url = _told(settings.online_url)
    scheme = urlsplit(url).scheme
    if scheme not in _SHARED:
        raise UsageError(
            "online.unknown-store",
            "andon knows no online store of this kind.",
            place="andon.toml [state] online",
            found=f"{scheme}://" if scheme else "no URL",
            fix=f"Known are {', '.join(f'{one}://' for one in _SHARED)}; without it, a file on this machine is used.",
        )
    extra, name = _SHARED[scheme]
    try:
        make: Callable[[str, str], OnlineStore] = getattr(import_module(f"andon.adapters.{extra}"), name)
    except ModuleNotFoundError as error:
        raise UsageError(
            "online.no-extra",
            "The client of this online store is not installed.",
            place="andon.toml [state] online",
            found=str(error),
            fix=f"Install it: pip install 'andon[{extra}]'",
        ) from error
    return make(url, f"{settings.factory}/{settings.target}")


def _told(url: str) -> str:
    """The URL itself; one with a password stands in the environment."""
    name = url.removeprefix(_FROM_ENVIRONMENT)
    if name == url:
        return url
    found = os.environ.get(name, "")
    if not found:
        raise UsageError(
            "online.no-url",
            "The URL of the online store is not in the environment.",
            place="andon.toml [state] online",
            found=f"{name} is not set",
            fix=f"Set {name} for the servers.",
        )
    return found
