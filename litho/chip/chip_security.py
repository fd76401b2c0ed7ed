"""Who may talk to a cluster: this machine, or those who hold certificates.

Whoever reaches a scheduler can run any program on all of its workers. So schedulers and workers listen on loopback;
on other interfaces both sides have to show a certificate of one authority, unless that is given up in so many words.
"""

from __future__ import annotations

import importlib
import ipaddress
import ssl
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

INSECURE = "or give `insecure` in a network where you trust everyone"


@dataclass(frozen=True)
class Certificates:
    """Certificates for TLS, as PEM files; scheduler, workers and coordinator may share them.

    Parameters
    ----------
    authority
        certificate of who signs; the other side has to hold one that it signed
    certificate
        of this side
    key
        private key of `certificate`, without a pass phrase
    """

    authority: Path
    certificate: Path
    key: Path

    def __post_init__(self) -> None:
        for field in fields(self):
            path = Path(getattr(self, field.name))
            object.__setattr__(self, field.name, path)
            if not path.is_file():
                raise ValueError(f"`{field.name}` must be a PEM file, but there is no {path}.")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(self.authority)
        except ssl.SSLError as error:
            raise ValueError(
                f"`authority` must be a certificate in a PEM file, but {self.authority}: {error}."
            ) from None
        try:
            context.load_cert_chain(self.certificate, self.key, password=_no_pass_phrase)
        except (ssl.SSLError, ValueError) as error:
            raise ValueError(
                f"`certificate` and `key` must be PEM files that belong together, "
                f"but {self.certificate} and {self.key}: {error}."
            ) from None

    def security(self) -> Any:
        """Return what dask.distributed takes as `security`: TLS on every connection, both sides checked."""
        roles = ("scheduler", "worker", "client")
        files = {f"tls_{role}_cert": str(self.certificate) for role in roles}
        files |= {f"tls_{role}_key": str(self.key) for role in roles}
        made = importlib.import_module("distributed.security").Security
        return made(require_encryption=True, tls_ca_file=str(self.authority), **files)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine and nothing else; of names only "localhost" is, as others may move."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def protocol_to_listen(host: str, certificates: Certificates | None, insecure: bool = False) -> str:
    """Return "tcp://" or "tls://" for a scheduler on an interface.

    Raises
    ------
    ValueError
        where others could connect without a certificate, and `insecure` is false
    """
    if certificates is not None:
        return "tls://"
    if is_loopback(host) or insecure:
        return "tcp://"
    raise ValueError(f"`host` must be 127.0.0.1 without certificates, but got {host!r}: give certificates, {INSECURE}.")


def dashboard_to_show(address: str, insecure: bool = False) -> str:
    """Return the address of a dashboard, such as "127.0.0.1:8787", which is on loopback unless `insecure` is given.

    Its pages show what is computed, are not encrypted and ask for no password, with certificates or without.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"`dashboard` must be like 127.0.0.1:8787, but got {address!r}.")
    if not is_loopback(host) and not insecure:
        raise ValueError(
            f"`dashboard` must be on 127.0.0.1, as its pages are open to everyone, but got {address!r}: "
            f"reach it through a tunnel, {INSECURE}."
        )
    return address


def address_to_reach(address: str, certificates: Certificates | None, insecure: bool = False) -> str:
    """Return the address of a scheduler or worker with its protocol, checked.

    Parameters
    ----------
    address
        such as "10.0.0.7:8786", "tls://10.0.0.7:8786" or "tcp://[::1]:8786"
    certificates
        of this side, or None
    insecure
        allow other hosts without certificates

    Raises
    ------
    ValueError
        where the address is none, where its protocol and `certificates` do not go together, or where anyone on the way
        could listen and `insecure` is false
    """
    protocol, host, port = _parts(address)
    if certificates is None and protocol == "tls":
        raise ValueError(f"`scheduler` must be tcp:// without certificates, but got {address!r}: give certificates.")
    if certificates is not None and protocol == "tcp":
        raise ValueError(f"`scheduler` must be tls:// where certificates are given, but got {address!r}.")
    if certificates is None and not insecure and not is_loopback(host):
        raise ValueError(
            f"`scheduler` must be on 127.0.0.1 without certificates, but got {address!r}: give certificates, "
            f"{INSECURE}."
        )
    return f"{'tcp' if certificates is None else 'tls'}://{host}:{port}"


def _parts(address: str) -> tuple[str, str, int]:
    """Return protocol ("" where none is given), host and port of an address."""
    protocol, _, rest = address.rpartition("://")
    host, _, port = rest.rpartition(":")
    plain = host and "/" not in host and " " not in host and (":" not in host or host.startswith("["))
    if protocol not in ("", "tcp", "tls") or not plain or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"`scheduler` must be like tls://10.0.0.7:8786 or tcp://127.0.0.1:8786, but got {address!r}.")
    return protocol, host, int(port)


def _no_pass_phrase() -> str:
    raise ValueError("the key has a pass phrase")
