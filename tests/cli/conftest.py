"""A small index that is served to commands."""

from collections.abc import Iterator

import pytest

from tests.made.indexes import Served
from tests.made.servers import serve


@pytest.fixture
def served() -> Served:
    served = Served()
    served.wheel("model", "1.0", ["numpy>=1.20", "extra-bits; extra == 'all'"])
    served.wheel("numpy", "1.19.0", upload_time="2020-01-01T00:00:00Z")
    served.wheel("numpy", "1.25.0", upload_time="2024-01-01T00:00:00Z")
    served.wheel("numpy", "1.26.0", upload_time="2024-06-01T00:00:00Z")
    served.wheel("six", "1.16.0")
    return served


@pytest.fixture
def url(served: Served) -> Iterator[str]:
    with serve(served) as url:
        yield url
