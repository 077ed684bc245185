from xml.etree import ElementTree
from xml.sax.saxutils import escape as escape_xml

import pytest

from lockml.common.display import escape, redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("evil\x1b[2J", "evil\\x1b[2J"),
        ("a\nb\r", "a\\nb\\r"),
        ("right\u202eleft", "right\\u202eleft"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\x9b31m", "\\x9b31m"),
        ("lone \ud800", "lone \\ud800"),
        ("soft\xadhyphen", "soft\\xadhyphen"),
        ("mark\u061c\u180e", "mark\\u061c\\u180e"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("plain äöü 数", "plain äöü 数"),
    ],
)
def test_escape_shows_what_could_forge_a_line(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_escaped_text_is_text_of_xml() -> None:
    """XML 1.0, 2.2: a report with one other character is read by nothing."""
    text = escape("".join(map(chr, (*range(0x11000), 0x1FFFE, 0x10FFFF))))
    assert ElementTree.fromstring(f"<a>{escape_xml(text)}</a>").text == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:secret@index.example/simple/", "https://index.example/simple/"),
        ("https://token@index.example/x?y=1#z", "https://index.example/x?y=1#z"),
        (
            "see https://a:b@x.example/ and http://c:d@y.example:8080/p",
            "see https://x.example/ and http://y.example:8080/p",
        ),
        ("https://a:b@[bad/x", "https://[bad/x"),
        ("git+ssh://git@x.example/a.git", "git+ssh://git@x.example/a.git"),
        ("ssh://git:secret@x.example/a.git", "ssh://git@x.example/a.git"),
        ("mail me@x.example", "mail me@x.example"),
        ("https://index.example/@scope", "https://index.example/@scope"),
        ("https://user:pa/ss@host/x", "https://***@host/x"),
        ("https://user:pa#s@s@host/x", "https://***@host/x"),
        ("https://user:/p?@host/x", "https://***@host/x"),
        ("'https://user:it's@host/x' and 'a@b'", "'https://host/x' and 'a@b'"),
        ("git+https://host:8080/repo.git@v1", "git+https://host:8080/repo.git@v1"),
        ("https://[::1]:80/x@y", "https://[::1]:80/x@y"),
    ],
)
def test_redact_takes_credentials_out_of_urls(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://x.example/a.whl?token=abc#sha256=00", "https://x.example/a.whl?token=***#sha256=00"),
        (
            "see https://u:p@x.example/a?v=1&private_token=abc&b=2.",
            "see https://x.example/a?v=1&private_token=***&b=2.",
        ),
        ("https://x.example/?X-Amz-Signature=1&X-Amz-Date=2", "https://x.example/?X-Amz-Signature=***&X-Amz-Date=2"),
        ("https://x.example/?sv=1&sig=a%2Fb;api-key=c", "https://x.example/?sv=1&sig=***;api-key=***"),
        ("https://x.example/?to%6Ben=abc&ACCESS_KEY=d", "https://x.example/?to%6Ben=***&ACCESS_KEY=***"),
        ("https://x.example/#access_token=abc", "https://x.example/#access_token=***"),
        ("https://a:b@[bad/x?token=abc", "https://[bad/x?token=***"),
        ("https://x.example/a?keyboard=de&monkey=1", "https://x.example/a?keyboard=de&monkey=1"),
        ("https://x.example/token=abc", "https://x.example/token=abc"),
    ],
)
def test_redact_takes_secret_parameters_out_of_urls(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown
