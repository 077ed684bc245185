"""Find the login that Docker's or Podman's client keeps for a registry.

Docker's config.json (``auths``, ``credHelpers``, ``credsStore``) and Podman's auth.json of the same form. A login is
looked up by the registry's own name, and is sent to no other.
"""

import base64
import binascii
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from lockml.common.errors import InputError, UnreachableError

__all__ = ["Credentials", "find_credentials"]

_HUB: Final = "docker.io"
_HUB_KEYS: Final = ("https://index.docker.io/v1/", "index.docker.io", _HUB)
_PATIENCE: Final = 30  # seconds that a helper may take
_TOKEN_USER: Final = "<token>"  # noqa: S105 - how helpers mark an identity token


class Credentials(Struct, frozen=True):
    """A *user* and a *password*; with *token*, the password is an identity token (OAuth 2 refresh token)."""

    user: str
    password: str
    token: bool = False


class _Auth(msgspec.Struct):
    auth: str = ""
    identitytoken: str = ""


class _Config(msgspec.Struct):
    auths: dict[str, _Auth] = {}
    credHelpers: dict[str, str] = {}  # noqa: N815 - as the file has it
    credsStore: str = ""  # noqa: N815


class _Answer(msgspec.Struct, rename="pascal"):
    username: str
    secret: str


def find_credentials(registry: str) -> Credentials | None:
    """Return the login for *registry*, None if there is none; raises InputError, UnreachableError."""
    names = _HUB_KEYS if registry == _HUB else (registry, f"https://{registry}", f"https://{registry}/v1/")
    for path in _files():
        if not path.is_file():
            continue
        try:
            config = msgspec.json.decode(path.read_bytes(), type=_Config)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InputError(str(path), f"is not a configuration of a container client ({error})") from error
        for name in names:
            found = _of_config(config, name, str(path))
            if found is not None:
                return found
    return None


def _files() -> Iterator[Path]:
    if os.environ.get("REGISTRY_AUTH_FILE"):
        yield Path(os.environ["REGISTRY_AUTH_FILE"])
    yield Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker", "config.json")
    yield Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}", "containers", "auth.json")
    yield Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config", "containers", "auth.json")


def _of_config(config: _Config, name: str, file: str) -> Credentials | None:
    helper = config.credHelpers.get(name) or config.credsStore
    if helper:
        found = _of_helper(helper, name)
        if found is not None:
            return found
    auth = config.auths.get(name)
    if auth is None or not (auth.auth or auth.identitytoken):
        return None
    try:
        user, _, password = base64.b64decode(auth.auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise InputError(
            file, f"has no readable login for {name}", hint=f"log in again: docker login {name}"
        ) from error
    if auth.identitytoken:
        return Credentials(user, auth.identitytoken, token=True)
    return Credentials(user, password.rstrip("\0"))


def _of_helper(helper: str, name: str) -> Credentials | None:
    """Ask a credential helper, which prints only an error if it knows no login."""
    program = f"docker-credential-{Path(helper).name}"
    try:
        done = subprocess.run(  # noqa: S603 - the user's own configuration names it
            [program, "get"], input=name.encode(), capture_output=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnreachableError(program, f"cannot be asked for the login of {name} ({type(error).__name__})") from error
    if done.returncode != 0:
        return None
    try:
        answer = msgspec.json.decode(done.stdout, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreachableError(program, f"gave an unknown answer about {name}") from error
    return Credentials(answer.username, answer.secret, token=answer.username == _TOKEN_USER)
