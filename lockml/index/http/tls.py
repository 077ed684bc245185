"""Which servers to trust: files of certificates → a TLS context."""

import ssl
from pathlib import Path

from lockml.common.errors import PackageIndexError

__all__ = ["trust"]


def trust(certificates: Path | None, client_certificate: Path | None) -> ssl.SSLContext:
    """Return what to trust: *certificates*, else the system's store, else the authorities that httpx brings.

    Shows *client_certificate* to servers. Raises PackageIndexError for a file that cannot be read.
    """
    try:
        context = _authorities(certificates)
    except OSError as error:
        raise PackageIndexError(str(certificates), f"cannot be read as certificates ({error})") from error
    if client_certificate is not None:
        try:
            context.load_cert_chain(client_certificate)
        except OSError as error:
            raise PackageIndexError(
                str(client_certificate),
                f"cannot be read as a client certificate ({error.strerror or error})",
                hint="it holds the certificate and its key, both in PEM form",
            ) from error
    return context


def _authorities(certificates: Path | None) -> ssl.SSLContext:
    if certificates is not None:
        return ssl.create_default_context(cafile=str(certificates))
    paths = ssl.get_default_verify_paths()
    if paths.cafile or paths.capath:
        return ssl.create_default_context()
    from lockml.index.http.httpx_import import httpx  # most systems have a store of their own

    return httpx.create_ssl_context()
