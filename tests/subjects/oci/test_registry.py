"""A registry in memory, which speaks as far as lockml asks; the engine tests have a real one."""

import base64
import gzip
import hashlib
import json
from pathlib import Path

import httpx
import pytest

from lockml.common.errors import InputError, LockmlError, NotFoundError, UnreachableError
from lockml.subjects.model import ReadOptions
from lockml.subjects.oci.registry import open_registry, parse_reference
from tests.made.images import configuration
from tests.made.oci import METADATA, digest, index, packed

LAYER = gzip.compress(
    packed((METADATA, b"Name: a\n"), ("opt/hidden.py", b"x = 1")).getvalue(), mtime=0
)  # named by a test
CONFIG = configuration(LAYER)
MANIFEST = json.dumps({"config": {"digest": digest(CONFIG)}, "layers": [{"digest": digest(LAYER)}]}).encode()
INDEX = index((MANIFEST, "linux/amd64", None))
HOST = "registry.example"


class FakeRegistry:
    """Has one image; *login* is what it wants, *kind* how; *seen* are the requests with their Authorization."""

    def __init__(
        self,
        *,
        kind: str | None = None,
        realm: str = f"https://{HOST}/token",
        login: tuple[str, str] | None = None,
        blob: bytes = LAYER,
    ) -> None:
        self.kind, self.realm, self.login, self.blob = kind, realm, login, blob
        self.seen: list[tuple[str, str | None]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        given = request.headers.get("Authorization")
        self.seen.append((f"{request.method} {request.url.host}{request.url.path}", given))
        basic = None if self.login is None else f"Basic {base64.b64encode(':'.join(self.login).encode()).decode()}"
        if request.url.path == "/token":
            allowed = basic is None or given == basic or b"refresh_token=secret" in request.content
            return httpx.Response(200, json={"token": "t0"}) if allowed else httpx.Response(401)
        if self.kind == "bearer" and given != "Bearer t0":
            return self._refuse(f'Bearer realm="{self.realm}",service="s"')
        if self.kind == "basic" and given != basic:
            return self._refuse('Basic realm="x"')
        parts = {
            "/v2/team/image/manifests/1": INDEX,
            f"/v2/team/image/manifests/{digest(INDEX)}": INDEX,
            f"/v2/team/image/manifests/{digest(MANIFEST)}": MANIFEST,
            f"/v2/team/image/blobs/{digest(CONFIG)}": CONFIG,
            f"/v2/team/image/blobs/{digest(LAYER)}": self.blob,
        }
        content = parts.get(request.url.path)
        if content is None:
            return httpx.Response(404)
        return httpx.Response(200, stream=httpx.ByteStream(content))

    @staticmethod
    def _refuse(challenge: str) -> httpx.Response:
        return httpx.Response(401, headers={"WWW-Authenticate": challenge})


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def log_in(home: Path, **config: object) -> None:
    (home / ".docker").mkdir()
    (home / ".docker" / "config.json").write_text(json.dumps(config))


def auth(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def metadata(registry: FakeRegistry, reference: str = f"{HOST}/team/image:1") -> bytes | None:
    with open_registry(reference, ReadOptions(), transport=httpx.MockTransport(registry)) as opened:
        assert opened.subject.details["digest"] == digest(INDEX)
        return opened.tree.read(f"/{METADATA}", 100)


@pytest.mark.parametrize("reference", [f"{HOST}/team/image:1", f"{HOST}/team/image@{digest(INDEX)}"])
def test_image_is_read_by_tag_and_by_digest(reference: str) -> None:
    assert metadata(FakeRegistry(), reference) == b"Name: a\n"


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_login_of_dockers_client_is_used(home: Path, kind: str) -> None:
    log_in(home, auths={HOST: auth("me", "secret"), "other.example": auth("no", "no")})
    registry = FakeRegistry(kind=kind, login=("me", "secret"))
    assert metadata(registry) == b"Name: a\n"


def test_token_is_asked_for_without_a_login_where_none_is_kept() -> None:
    assert metadata(FakeRegistry(kind="bearer")) == b"Name: a\n"


def test_identity_token_is_exchanged(home: Path) -> None:
    log_in(home, auths={HOST: {**auth("<token>", ""), "identitytoken": "secret"}})
    assert metadata(FakeRegistry(kind="bearer", login=("x", "y"))) == b"Name: a\n"


@pytest.mark.parametrize(
    ("registry", "realm", "sent"),
    [
        ("docker.io", "https://auth.docker.io/token", True),
        ("registry.gitlab.com", "https://gitlab.com/token", True),
        ("gitlab.team.example:5050", "https://gitlab.team.example/token", True),
        ("registry.team.example", "https://gitlab.team.example/token", True),
        ("registry.team.example", "https://elsewhere.example/token", False),
        ("registry.team.example", "https://team.example.evil.example/token", False),
        ("registry.team.example", "https://x:y@registry.team.example:1/token", False),
        ("team.co.uk", "https://other.co.uk/token", False),
        ("10.0.0.1:5000", "https://10.0.0.2/token", False),
        ("127.0.0.1:5000", "http://127.0.0.1:5001/token", False),
        ("127.0.0.1:5000", "http://127.0.0.1:5000/token", True),
        ("registry.team.example", "https://[::1/token", False),
    ],
)
def test_login_goes_to_no_realm_that_is_not_the_registrys(home: Path, registry: str, realm: str, sent: bool) -> None:
    log_in(home, auths={"https://index.docker.io/v1/" if registry == "docker.io" else registry: auth("me", "secret")})
    fake = FakeRegistry(kind="bearer", realm=realm, login=("me", "secret"))
    if sent:
        assert metadata(fake, f"{registry}/team/image:1") == b"Name: a\n"
        return
    with pytest.raises(UnreachableError):
        metadata(fake, f"{registry}/team/image:1")
    own = f"Basic {base64.b64encode(b'me:secret').decode()}"
    assert own not in {given for where, given in fake.seen if where.endswith("/token")}


@pytest.mark.process
def test_credential_helper_is_asked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(home, credHelpers={HOST: "test"})
    helper = home / "docker-credential-test"
    helper.write_text(f"""#!/bin/sh
read server
test "$server" = {HOST} && echo '{{"Username": "me", "Secret": "secret"}}'
""")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", str(home), prepend=":")
    assert metadata(FakeRegistry(kind="basic", login=("me", "secret"))) == b"Name: a\n"


def test_login_goes_to_no_registry_that_it_is_not_for(home: Path) -> None:
    """CVE-2024-35192: logins of one registry were sent to another."""
    log_in(home, auths={"other.example": auth("me", "secret")})
    registry = FakeRegistry(kind="basic", login=("me", "secret"))
    with pytest.raises(UnreachableError, match="different login") as caught:
        metadata(registry)
    assert caught.value.hint == f"log in: docker login {HOST}"
    assert {given for _, given in registry.seen} == {None}


def test_login_is_not_sent_without_tls(home: Path) -> None:
    log_in(home, auths={HOST: auth("me", "secret")})

    def plain(_: httpx.Request) -> httpx.Response:
        return httpx.Response(401, headers={"WWW-Authenticate": 'Bearer realm="http://auth.example/token"'})

    with (
        pytest.raises(UnreachableError, match="without TLS"),
        open_registry(f"{HOST}/team/image:1", ReadOptions(), transport=httpx.MockTransport(plain)),
    ):
        pass


def test_login_is_never_shown(home: Path) -> None:
    log_in(home, auths={HOST: auth("me", "secret")})
    with pytest.raises(LockmlError) as caught:
        metadata(FakeRegistry(kind="basic", login=("me", "other")))
    assert "secret" not in f"{caught.value} {caught.value.hint}"


def test_layer_that_is_not_what_its_digest_says_is_refused() -> None:
    other = packed((METADATA, b"Name: b\n"), mode="w:gz").getvalue()
    assert hashlib.sha256(other).digest() != hashlib.sha256(LAYER).digest()
    with pytest.raises(UnreachableError, match="does not match its digest"):
        metadata(FakeRegistry(blob=other))


def test_image_that_is_not_there_is_told() -> None:
    with pytest.raises(NotFoundError, match="its registry has no manifests/2"):
        metadata(FakeRegistry(), f"{HOST}/team/image:2")


@pytest.mark.parametrize(
    ("text", "url", "version"),
    [
        ("python", "https://registry-1.docker.io/v2/library/python", "latest"),
        ("team/image:1", "https://registry-1.docker.io/v2/team/image", "1"),
        ("registry.example/a/b/c:1.2", "https://registry.example/v2/a/b/c", "1.2"),
        ("registry.example:5000/a", "https://registry.example:5000/v2/a", "latest"),
        ("localhost:5000/a:1", "http://localhost:5000/v2/a", "1"),
        ("127.0.0.1:5000/a:1", "http://127.0.0.1:5000/v2/a", "1"),
        ("http://registry.example/a:1", "http://registry.example/v2/a", "1"),
        (f"registry.example/a:1@sha256:{'0' * 64}", "https://registry.example/v2/a", f"sha256:{'0' * 64}"),
    ],
)
def test_reference_is_read_as_docker_reads_it(text: str, url: str, version: str) -> None:
    reference = parse_reference(text)
    assert (reference.url, reference.version) == (url, version)


@pytest.mark.parametrize("text", ["", "UPPER/case", "a b", "a:", "registry.example/", "a@sha256:12"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a reference"):
        parse_reference(text)


def test_registry_that_does_not_answer_is_told() -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route")

    with (
        pytest.raises(UnreachableError, match=r"registry.example: does not answer"),
        open_registry(f"{HOST}/a:1", ReadOptions(), transport=httpx.MockTransport(broken)),
    ):
        pass


def test_layer_that_is_kept_is_not_fetched_again(tmp_path: Path) -> None:
    for asked in (True, False):
        registry = FakeRegistry()
        options = ReadOptions(cache=tmp_path / "cache", hashed=True)
        with open_registry(f"{HOST}/team/image:1", options, transport=httpx.MockTransport(registry)) as opened:
            assert opened.tree.read(f"/{METADATA}", 100) == b"Name: a\n"
        assert any(digest(LAYER) in path for path, _ in registry.seen) is asked


def test_what_was_not_kept_of_a_layer_is_fetched_again(tmp_path: Path) -> None:
    """The source of a compiled module with a hash (PEP 552), as SOURCE_DATE_EPOCH makes them."""
    for fetched in (2, 1):  # the second time the layer is kept
        registry = FakeRegistry()
        options = ReadOptions(cache=tmp_path / "cache")
        with open_registry(f"{HOST}/team/image:1", options, transport=httpx.MockTransport(registry)) as opened:
            assert [opened.tree.read("/opt/hidden.py", 10) for _ in range(2)] == [b"x = 1", b"x = 1"]
        assert sum(digest(LAYER) in path for path, _ in registry.seen) == fetched


def test_layer_that_is_not_what_the_configuration_says_is_refused() -> None:
    """The manifest names the layer rightly; the configuration, which engines hold it against, names another."""
    other = configuration(packed((METADATA, b"Name: b")).getvalue())
    manifest = json.dumps({"config": {"digest": digest(other)}, "layers": [{"digest": digest(LAYER)}]}).encode()
    parts = {digest(manifest): manifest, digest(other): other, digest(LAYER): LAYER, "1": manifest}

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=httpx.ByteStream(parts[request.url.path.rpartition("/")[2]]))

    with (
        pytest.raises(UnreachableError, match="does not match its image's configuration"),
        open_registry(f"{HOST}/team/image:1", ReadOptions(), transport=httpx.MockTransport(answer)),
    ):
        pass
