"""Fetch a requirement file from its URL; offline, read it from the cache."""

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
    """Return the file at *url*, fetched like an index page; raises InputError, PackageIndexError.

    The last version is cached only for ``--offline``: the file may have changed.
    """
    name = redact(url)
    if not is_index_address(url):
        raise InputError(name, "is not the URL of a file", hint="write a URL such as https://HOST/FILE")
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
            raise InputError(name, f"is larger than {_MAX_BYTES} bytes, too large for a requirement file")
        cache.keep_fact(key, answer.body)
        return answer.body
