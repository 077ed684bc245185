"""Say how to remove a drift: in the image, in the container or in the environment, by what brought the drift there."""

import re
import shlex
from typing import Final, Literal

from msgspec import Struct
from packaging.pylock import Package

from lockml.common.settings import setting
from lockml.inventory.file_tree import CHANGED
from lockml.inventory.model import Inventory, Subject

__all__ = ["Remedies"]

_Form = Literal["image", "container", "process", "environment", "other"]
_Cause = Literal["image", "change", "mount", "unknown"]
_IMAGES: Final = ("image", "registry", "archive", "oci")
_VOLUME: Final = re.compile(r"\(volume (\S+)\)$|/volumes/([^/\s]+)/_data\b")
_LOCKED: Final = "from the locked requirements.txt"
_HASHED: Final = "install --require-hashes --force-reinstall --no-deps -r requirements.txt"
_UNHASHED: Final = "install --force-reinstall --no-deps -r requirements-unhashed.txt"


class Remedies(Struct, frozen=True, kw_only=True):
    """The remedies for one subject of some *form*.

    *pip* starts its pip, *run* any command in it; both are None where that cannot be. *traced* says that the subject
    knows what brought its files there, so that what nothing removed was never there.
    """

    form: _Form
    pip: str | None = None
    run: str | None = None
    traced: bool = False

    @classmethod
    def of(cls, inventory: Inventory) -> "Remedies":
        """Return the remedies for the subject of *inventory*."""
        environment, subject = inventory.environment, inventory.subject
        form = _form(subject)
        traced = any(distribution.origin is not None for distribution in environment.distributions)
        if form == "container":
            run = f"{subject.details.get('engine', 'docker')} exec {shlex.quote(subject.name)} "
        elif form == "environment":
            run = ""
        else:
            return cls(form=form, traced=traced)
        python = shlex.quote(f"{environment.prefix.rstrip('/')}/bin/python3")
        has_pip = any(distribution.name == "pip" for distribution in environment.distributions)
        return cls(form=form, traced=traced, run=run, pip=f"{run}{python} -m pip" if has_pip else None)

    def install(self, package: Package, origin: str | None) -> str:
        """Say how to get the locked *package* back."""
        options = _UNHASHED if package.vcs is not None or package.directory is not None else _HASHED
        return self._again(origin, _LOCKED, f"reinstall with `{self.pip} {options}`" if self.pip else None)

    def install_missing(self, package: Package, origin: str | None) -> str:
        """Say how to get the locked *package* that is missing; what nothing removed, the image never had."""
        if origin is None and self.traced and self.form == "container":
            return self._rebuild(_LOCKED)
        return self.install(package, origin)

    def remove(self, name: str, origin: str | None) -> str:
        """Say what to do about a project that is not locked."""
        return f"{self._without(name, origin)}; or add {name} to the inputs and compile again"

    def own(self, name: str, origin: str | None) -> str:
        """Say what to do about what was installed from a folder, and may be the user's own project."""
        rule = f'[[tool.lockml.ignore]] kind = "unexpected", name = "{name}"'
        accept = f"if it is your own project, compile from its pyproject.toml, or accept it ({rule})"
        return f"{accept}; else {self._without(name, origin)}"

    def remove_folder(self, path: str, origin: str | None) -> str:
        """Say how to remove one of two copies."""
        return self._again(origin, _LOCKED, f"remove {path} and what it installed")

    def remove_path(self, path: str, origin: str | None) -> str:
        """Say what to do about a file that nothing accounts for; what is mounted is somebody's on the host."""
        if _cause(self.form, origin) == "mount":
            return f"{self._again(origin, '', None)}; or remove the file at the source of the mount"
        local = f"run `{self.run}rm -r {shlex.quote(path)}`" if self.run is not None else None
        return self._again(origin, "without it", local)

    def rename(self, path: str, origin: str | None) -> str:
        """Say what to do about a file of the user's that hides another."""
        return self._again(origin, f"with another name for {path}", f"rename {path}")

    def restore(self, name: str, origin: str | None) -> str:
        """Say how to get back what no lock has: an unlocked project, or Python itself."""
        local = f"reinstall {name}" if self.form == "environment" else None
        return self._again(origin, f"with an unchanged {name}", local)

    def unset(self, variable: str) -> str:
        """Say how to get rid of a *variable* or an option that changes what Python loads."""
        what = f"the option {variable}" if variable.startswith("-") else f"the variable {variable}"
        match self.form:
            case "image":
                return f"rebuild the image without {what}"
            case "container":
                return f"recreate the container without {what}; if its image sets it, rebuild that first"
        return f"start Python without {what}"

    def python(self, locked: str, found: str) -> str:
        """Say how to get lock and Python together."""
        return f"{self._based(f'Python {locked}')}, or compile with {setting('python', found)}"

    def base_image(self, reference: str) -> str:
        """Say how to get lock and base image together."""
        compiled = f"compile with {setting('base-image')} for the new one"
        return f"rebuild the image on {reference}, by its locked digest, or {compiled}"

    def lock_label(self) -> str:
        """Say how to get lock and label together."""
        return "rebuild the image from this lock, whose label `lockml dockerfile init` writes"

    def platform(self, locked: str) -> str:
        """Say how to get lock and platform together."""
        return f"{self._based(locked)}, or compile with the {setting('platform')} and {setting('libc')} of this one"

    def _without(self, name: str, origin: str | None) -> str:
        local = f"run `{self.pip} uninstall -y {shlex.quote(name)}`" if self.pip else None
        return self._again(origin, "without it", local)

    def _based(self, ground: str) -> str:
        if self.form in ("image", "container"):
            return f"rebuild the image on a base image with {ground}"
        return f"recreate the environment with {ground}"

    def _again(self, origin: str | None, how: str, local: str | None) -> str:
        """Say what brings the subject in order: an image that is rebuilt *how* it must be, or *local*, in place."""
        match self.form, _cause(self.form, origin):
            case _, "mount":
                return self._without_mount(origin or "")
            case _, "image":
                return self._rebuild(how)
            case "container", cause:
                in_place = f", or {local}" if local else ""
                rebuild = f"; if the image has the drift too, rebuild that {how}" if cause == "unknown" else ""
                return f"recreate the container from its image{in_place}{rebuild}"
            case "process", "change":
                return "recreate its container from the image"
        return local or f"recreate the environment {how}"

    def _without_mount(self, origin: str) -> str:
        """Say what to do about a mount: a volume keeps what it was filled with, whatever becomes of its image."""
        what = "process" if self.form == "process" else "container"
        volume = _VOLUME.search(origin)
        if volume is None:
            return f"start the {what} without that mount"
        name = volume[1] or volume[2]
        text = f"recreate the container with a new volume instead of {name}"
        return f"{text}, or without one: rebuilding the image does not change a volume"

    def _rebuild(self, how: str) -> str:
        match self.form:
            case "container":
                return f"rebuild the image {how} and recreate the container from it"
            case "process":
                return f"rebuild its image {how} and recreate its container from it"
        return f"rebuild the image {how}"


def _form(subject: Subject) -> _Form:
    """Return what kind of thing *subject* is, as far as its remedies differ."""
    if subject.kind == "container":
        return "container"
    if subject.kind == "process":
        return "process"
    if subject.kind in _IMAGES:
        return "image"
    return "environment" if subject.details.get("is") == "environment" else "other"


def _cause(form: _Form, origin: str | None) -> _Cause:
    """Return what kind of thing brought a drift there, by the *origin* that reports show."""
    if origin is None:
        return "image" if form == "image" else "unknown"
    if origin == CHANGED:
        return "change"
    return "mount" if origin.startswith("mounted ") else "image"
