"""What pip's configuration says of indexes, and what is told of one that cannot be read."""

from pathlib import Path

import pytest

from lockml.common.errors import InputError
from lockml.index.http.pip_config import default_index_url


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("index-url = https://hunter2@x.example/\n", 1),
        ("[global]\nindex-url = https://x.example/\nhunter2\n", 3),
        ("[global]\ncert = a\ncert = hunter2\n", 3),
    ],
)
def test_configuration_that_cannot_be_read_is_told_without_its_lines(
    content: str, line: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.conf").write_text(content)
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    with pytest.raises(InputError, match=rf"pip\.conf:{line}: cannot be read as a pip configuration") as caught:
        default_index_url()
    assert "hunter2" not in str(caught.value)
