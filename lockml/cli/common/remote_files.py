"""The address of a requirement file and how servers are asked in; its bytes out, as fetched now, or kept if offline."""

from contextlib import closing
from typing import Final

from lockml.common.display import redact
from lockml.common.errors import InputError, PackageIndexError
from lockml.index.cache.store import Cache
from lockml.index.http.addresses import is_index_address
from lockml.index.http.client import HttpClient
from lockml.index.http.pip_config import certificates, client_certificate
from lockml.index.open import IndexOptions

__all__ = ["fetch_file"]

_MAX_BYTES: Final = 8 << 20
_OK: Final = 200


def fetch_file(url: str, options: IndexOptions) -> bytes:
    """Return the file at *url*, asked for as an index is; raises InputError, PackageIndexError.

    What was fetched last is kept, for ``--offline`` alone: a file that others write may have changed.
    """
    name = redact(url)
    if not is_index_address(url):
        raise InputError(name, "is not the address of a file", hint="a file is at an address such as https://HOST/FILE")
    with closing(Cache(options.cache_dir)) as cache:
        key = f"requirement-file:{name}"
        cached = cache.fact(key) if options.offline else None
        if cached is not None:
            return cached
        client = HttpClient(
            certificates=options.certificates or certificates(),
            client_certificate=options.client_certificate or client_certificate(),
            offline=options.offline,
        )
        with closing(client):
            answer = client.get(url)
        if answer.status in (404, 410):
            raise InputError(name, f"no such file: the server answers {answer.status}")
        if answer.status != _OK:
            raise PackageIndexError(name, f"the server answers {answer.status}")
        if len(answer.body) > _MAX_BYTES:
            raise InputError(name, f"is larger than {_MAX_BYTES} bytes, which no requirement file is")
        cache.keep_fact(key, answer.body)
        return answer.body
