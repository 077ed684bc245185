import pytest

from lockml.docker.context.lock import lock_facts
from tests.made.indexes import MemoryIndex
from tests.made.locks import lock_of
from tests.made.targets import make_target


@pytest.mark.parametrize(
    ("target", "named", "serves"),
    [("3.14", "3.14", True), ("3.14.2t", "3.14t", False), ("3.14t", "3.14t", False), ("pypy3.11", "pypy3.11", False)],
)
def test_python_of_an_official_image_serves_only_builds_of_its_kind(target: str, named: str, serves: bool) -> None:
    index = MemoryIndex()
    index.add("six", "1.0")
    facts = lock_facts(lock_of(index, "six", target=make_target(target)), "pylock.toml")
    assert facts.pythons == (named,)
    assert facts.serves_python("3.14" if target.startswith("3") else "3.11") == serves
