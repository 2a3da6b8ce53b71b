"""Whether a request comes from this very machine."""

from __future__ import annotations

import ipaddress

from starlette.requests import Request

from app.identity.guard import LOOPBACK_HOSTS, without_port

# Whoever comes through a proxy on this machine comes from it, too.
_BY_PROXIES = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


def is_from_here(request: Request) -> bool:
    """Whether whoever asks does so at this machine, by no proxy."""
    # A proxy that does not name itself still passes on the name that browsers use.
    if without_port(request.headers.get("host", "")) not in LOOPBACK_HOSTS:
        return False
    if request.client is None or any(name in request.headers for name in _BY_PROXIES):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
