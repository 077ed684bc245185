import pytest

from lockml.common.errors import InputError
from lockml.requirements.pins import read_pins


def pins(name: str, text: str) -> dict[str, str]:
    found = read_pins(name, read=lambda _: text.encode(), environment={})
    return {project: str(version) for project, version in found.items()}


@pytest.mark.parametrize("name", ["uv.lock", "poetry.lock"])
def test_locks_of_uv_and_poetry_are_read(name: str) -> None:
    text = "[[package]]\nname='Foo_Bar'\nversion='1.0'\n[[package]]\nname='own'\n"
    text += "[[package]]\nname='np'\nversion='1.0'\n[[package]]\nname='np'\nversion='2.0'\n"
    assert pins(name, text) == {"foo-bar": "1.0", "np": "2.0"}


def test_standard_lock_is_read() -> None:
    assert pins("pylock.toml", "[[packages]]\nname='a'\nversion='1.0'\n") == {"a": "1.0"}


def test_exact_pins_of_a_requirement_file_are_read() -> None:
    text = "a==1.0 --hash=sha256:aa\nb>=2\nc==3.*\nd==4.0 ; python_version < '3'\n"
    assert pins("requirements.txt", text) == {"a": "1.0", "d": "4.0"}


@pytest.mark.parametrize("text", ["[", "x = 1", "package = 'a'"])
def test_file_without_packages_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"uv\.lock: is (not TOML|not a uv\.lock)"):
        pins("uv.lock", text)
