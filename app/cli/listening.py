"""The address that the server listens on: refused to strangers, and taken before anything else is started."""

from __future__ import annotations

import errno
import ipaddress
import socket

from app.cli.frame import opened_database
from app.errors import CannotStart
from app.identity.people import somebody_logs_in
from app.settings import Settings

_WAITING_AT_MOST = 2048  # connections, as Uvicorn has it


class StrangersCouldCome(CannotStart):
    """Nobody can log in yet, so Winnow listens on this machine alone unless WINNOW_TRUST_LOCAL=1 is set."""


class AddressUnusable(CannotStart):
    """The server cannot listen on this address."""


def listening_socket(settings: Settings) -> socket.socket:
    """Return a socket that listens on the settings' host and port. Raises StrangersCouldCome and AddressUnusable."""
    _refuse_strangers(settings)
    try:
        family, _, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise AddressUnusable(f"This machine knows no address {settings.host}.") from error
    # A server that has just ended leaves its port in a state that only this lets another take over.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(_WAITING_AT_MOST)
    except OSError as error:
        listener.close()
        raise AddressUnusable(_why(settings, error)) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the address to type into a browser on this machine."""
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified or _is_loopback(host):
        return f"http://localhost:{port}"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _refuse_strangers(settings: Settings) -> None:
    if settings.trust_local or _is_loopback(settings.host):
        return
    with opened_database(settings) as database, database.read() as session:
        if somebody_logs_in(session):
            return
    raise StrangersCouldCome(
        f"Nobody can log in yet, so Winnow does not listen on {settings.host}, where strangers could reach it. Add the "
        "first person, an admin, by winnow user add NAME --admin, or leave the host at 127.0.0.1. If something outside "
        "Winnow keeps strangers away (a container that is published on 127.0.0.1, say), set WINNOW_TRUST_LOCAL=1."
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _why(settings: Settings, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {settings.port} is taken by another program, perhaps another Winnow. Choose another one: "
            f"--port {settings.port + 1}, or PORT={settings.port + 1} in the environment."
        )
    if error.errno == errno.EACCES:
        return f"Port {settings.port} may not be used without the administrator's rights; choose one above 1023."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"This machine has no address {settings.host}; leave the host at 127.0.0.1."
    return f"The server cannot listen on {settings.host}, port {settings.port}: {error.strerror}."
