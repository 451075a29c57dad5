"""HTTP without TLS, to what runs on this machine.

A client of httpx reads all certificates that the machine trusts when it is made (20 ms), also where it never meets
one. Who only looks whether a service is ready makes a client forty times while the platform starts.
"""

import ssl

import httpx

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""As `verify`: trusts no certificate, so that an address with https is refused."""


def plain_client(base_url: str, token: str | None = None, *, timeout_s: float) -> httpx.Client:
    """A client for one server, with a bearer token if one is given; close it."""
    headers = {"Authorization": f"Bearer {token}"} if token else None
    return httpx.Client(base_url=base_url, headers=headers, timeout=timeout_s, verify=NO_TLS, trust_env=False)
