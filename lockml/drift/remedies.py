"""Build the remedies of drifts: in the image, the container or the environment, depending on the cause."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final, Literal

from msgspec import Struct
from packaging.pylock import Package
from packaging.version import InvalidVersion, Version

from lockml.common.display import inert, shell_words
from lockml.common.settings import setting
from lockml.inventory.file_tree import CHANGED
from lockml.inventory.model import InstalledDistribution, Inventory, Subject
from lockml.lock.model import USUAL_REQUIREMENTS

__all__ = ["Remedies", "Remedy"]

_Form = Literal["image", "container", "process", "environment", "other"]
_Cause = Literal["image", "change", "mount", "unknown"]
_Verb = Literal[
    "install",
    "install-unhashed",
    "install-missing",
    "provided",
    "remove",
    "own",
    "remove-folder",
    "remove-path",
    "rename",
    "restore",
    "unset",
    "other",
]
_IMAGES: Final = ("image", "registry", "archive", "oci")
_VOLUME: Final = re.compile(r"\(volume (\S+)\)$|/volumes/([^/\s]+)/_data\b")
_OPTIONS: Final = "--force-reinstall --no-deps"
_REMOVALS: Final = frozenset({"remove", "own", "remove-path"})
_BUILT: Final = frozenset({"image", "container", "process"})
_PIP_OF_DISTRIBUTION: Final = Version("23.0.1")  # the first release with --break-system-packages
_MOST: Final = 20  # names or paths in a sentence or a command; more are counted


class Remedy(Struct, frozen=True, kw_only=True):
    """A fix for a drift that *origin* caused, worded in *text*; *verb* says what to do with *about*.

    Remedies that differ only in *about*, projects or paths, can share one text (`Remedies.together`).
    """

    verb: _Verb
    about: tuple[str, ...]
    origin: str | None
    text: str


class Remedies(Struct, frozen=True, kw_only=True):
    """The remedies for a subject of some *form*.

    *pip* starts its pip, *run* any command in it; both are None if that is impossible. *traced* says that the origins
    of its files are known, so what nothing removed was never there. *foreign* names the format of another tool's lock,
    else "". *requirements* is the file that the lock was written to, *built* are the projects that an image builds,
    and *options* are those that its pip needs to change anything.
    """

    form: _Form
    pip: str | None = None
    run: str | None = None
    traced: bool = False
    foreign: str = ""
    requirements: str = USUAL_REQUIREMENTS
    built: frozenset[str] = frozenset()
    options: str = ""

    @classmethod
    def of(
        cls,
        inventory: Inventory,
        foreign: str = "",
        requirements: str = USUAL_REQUIREMENTS,
        built: frozenset[str] = frozenset(),
    ) -> "Remedies":
        """Return the remedies for the subject of *inventory*; *foreign* names another tool's locks."""
        environment, subject = inventory.environment, inventory.subject
        form = _form(subject)
        traced = any(distribution.origin is not None for distribution in environment.distributions)
        name = shell_words(subject.name)
        if form == "container" and name is not None:
            root = "--user 0 " if "user" in subject.details else ""  # its user may not change packages
            run = f"{subject.details.get('engine', 'docker')} exec {root}{name} "
        elif form == "environment":
            run = ""
        else:
            return cls(form=form, traced=traced, foreign=foreign, requirements=requirements, built=built)
        python = shell_words(f"{environment.prefix.rstrip('/')}/bin/python3")
        pip = next((each for each in environment.distributions if each.name == "pip"), None)
        return cls(
            form=form,
            traced=traced,
            foreign=foreign,
            requirements=requirements,
            built=built,
            run=run,
            pip=f"{run}{python} -m pip" if pip is not None and python is not None else None,
            options=_options(pip) if pip is not None else "",
        )

    def install(self, package: Package, origin: str | None) -> Remedy:
        """Return how to get the locked *package* back."""
        if package.name in self.built:
            again = "install the recorded build"
            kept = again if self.form == "environment" else f"in the image, {again}"
            return _said(f"{kept} of {package.name}, or add this one to the lock with `lockml record`")
        unhashed = package.vcs is not None or package.directory is not None
        return self._remedy("install-unhashed" if unhashed else "install", (), origin)

    def install_missing(self, package: Package, origin: str | None) -> Remedy:
        """Return how to get the missing locked *package*; if nothing removed it, the image never had it."""
        if origin is None and self.traced and self.form == "container":
            return self._remedy("install-missing", (), origin)
        return self.install(package, origin)

    def remove(self, name: str, origin: str | None) -> Remedy:
        """Return what to do about a project that is not locked."""
        return self._remedy("remove", (name,), origin)

    def own(self, name: str, origin: str | None) -> Remedy:
        """Return what to do about a project installed from a folder, which may be the user's own."""
        return self._remedy("own", (name,), origin)

    def remove_folder(self, path: str, origin: str | None) -> Remedy:
        """Return how to remove one of two copies."""
        return self._remedy("remove-folder", (path,), origin)

    def remove_path(self, path: str, origin: str | None) -> Remedy:
        """Return what to do about a file that nothing accounts for; a mounted one belongs to someone on the host."""
        return self._remedy("remove-path", (path,), origin)

    def rename(self, path: str, origin: str | None) -> Remedy:
        """Return what to do about a user's file that hides another."""
        return self._remedy("rename", (path,), origin)

    def restore(self, name: str, origin: str | None) -> Remedy:
        """Return how to restore what no lock covers: an unlocked project, or Python itself."""
        return self._remedy("restore", (name,), origin)

    def provided(self, origin: str | None) -> Remedy:
        """Return how to restore what the base image provides."""
        return self._remedy("provided", (), origin)

    def unset(self, variable: str) -> Remedy:
        """Return how to remove a *variable* or an option that changes what Python loads."""
        return self._remedy("unset", (variable,), None)

    def python(self, locked: str, found: str) -> Remedy:
        """Return how to make lock and Python agree."""
        accept = f"lock for Python {found} too" if self.foreign else f"compile with {setting('python', found)}"
        return _said(f"{self._based(f'Python {locked}')}, or {accept}")

    def base_image(self, reference: str) -> Remedy:
        """Return how to make lock and base image agree."""
        compiled = f"compile with {setting('base-image')} for the new one"
        return _said(f"rebuild the image on {reference}, by its locked digest, or {compiled}")

    def lock_label(self) -> Remedy:
        """Return how to make lock and label agree."""
        return _said("rebuild the image from this lock, whose label `lockml dockerfile init` writes")

    def platform(self, locked: str) -> Remedy:
        """Return how to make lock and platform agree."""
        if self.foreign:
            return _said(f"{self._based(locked)}, or lock for this one too")
        options = f"{setting('platform')} and {setting('libc')}"
        return _said(f"{self._based(locked)}, or compile with the {options} of this one")

    def together(self, remedies: Iterable[Remedy]) -> tuple[str, ...]:
        """Return what to do about all of *remedies*: one text for those that differ only in what they are about."""
        grouped: dict[tuple[_Verb, str | None, str], dict[str, None]] = {}
        for each in remedies:
            key = (each.verb, each.origin, each.text if each.verb == "other" else "")
            grouped.setdefault(key, {}).update(dict.fromkeys(each.about))
        return tuple(
            text if verb == "other" else self._text(verb, tuple(about), origin)
            for (verb, origin, text), about in grouped.items()
        )

    def advice(self, remedies: Sequence[Remedy], *, other_lock: bool) -> str:
        """Return one short sentence that fixes everything that *remedies* are for.

        *other_lock* says that the image was built from another lock.
        """
        causes = {"change" if each.verb == "unset" else _cause(self.form, each.origin) for each in remedies}
        how = (
            "without the unlocked packages and files"
            if all(each.verb in _REMOVALS for each in remedies)
            else self._locked
        )
        texts = self.together(remedies)
        if other_lock and "image" in causes:
            texts = (f"the image was built from another lock: {self._rebuild(self._locked)}",)
        elif len(texts) == 1 and ("`" not in texts[0] or self.form == "environment"):
            return texts[0]
        elif "image" in causes or any(each.verb == "other" for each in remedies):
            texts = (self._rebuild(how) if self.form in _BUILT else f"recreate the environment {self._locked}",)
        elif causes != {"mount"}:
            texts = (self._again(CHANGED if causes <= {"change", "mount"} else None, how, None),)
        else:
            texts = ()
        texts = (*texts[:1], *_besides(remedies)) if texts else ()
        mounts = (_naming_mount(self._without_mount(o), o) for each in remedies if _is_mount(o := each.origin or ""))
        return "; ".join(dict.fromkeys((*filter(None, (", ".join(texts),)), *mounts)))

    def _remedy(self, verb: _Verb, about: tuple[str, ...], origin: str | None) -> Remedy:
        return Remedy(verb=verb, about=about, origin=origin, text=self._text(verb, about, origin))

    def _text(self, verb: _Verb, about: tuple[str, ...], origin: str | None) -> str:
        several = len(about) > 1
        match verb:
            case "install" | "install-unhashed":
                text = self._again(origin, self._locked, self._installed(verb))
            case "remove" | "own":
                text = self._without(verb, about, origin)
            case "remove-folder":
                what = "what they installed" if several else "what it installed"
                text = self._again(origin, self._locked, f"remove {_listed(about, 'folders')} and {what}")
            case "remove-path":
                text = self._without_paths(about, origin)
            case "rename":
                name = "other names" if several else "another name"
                files = _listed(about, "files")
                text = self._again(origin, f"with {name} for {files}", f"rename {files}")
            case "restore":
                names = _listed(about, "projects")
                local = f"reinstall {names}" if self.form == "environment" else None
                text = self._again(origin, f"with an unchanged {names}", local)
            case "provided":
                text = self._again(origin, "on its locked base image", None)
            case "unset":
                text = self._unset(about)
            case _:
                text = self._rebuild(self._locked)
        return text

    @property
    def _locked(self) -> str:
        return f"from {self.foreign or f'the locked {inert(self.requirements)}'}"

    def _installed(self, verb: _Verb) -> str | None:
        """Return the command that reinstalls what is locked, in place; a container reads the file from this machine."""
        if not self.pip or self.foreign:
            return None
        path = PurePosixPath(self.requirements)
        hashed, file = "", str(path.with_name(f"{path.stem}-unhashed{path.suffix}"))
        if verb == "install":
            hashed, file = "--require-hashes ", self.requirements
        words = shell_words(file)
        if words is None:
            return None
        source = f"-r /dev/stdin < {words}" if self.form == "container" else f"-r {words}"
        pip = self.pip.replace(" exec ", " exec -i ", 1) if self.form == "container" else self.pip
        return f"reinstall with `{pip} install {self.options}{hashed}{_OPTIONS} {source}`"

    def _unset(self, variables: tuple[str, ...]) -> str:
        what = _settings(variables)
        match self.form:
            case "image":
                return f"rebuild the image without {what}"
            case "container":
                return f"recreate the container without {what}; if its image sets it, rebuild the image first"
        return f"start Python without {what}"

    def _without(self, verb: _Verb, names: tuple[str, ...], origin: str | None) -> str:
        """Return how to remove projects, or how to keep them."""
        words = shell_words(*names)
        local = f"run `{self.pip} uninstall {self.options}-y {words}`" if self.pip and words is not None else None
        it = "it" if len(names) == 1 else "them"
        without = self._again(origin, f"without {it}", local)
        if verb == "own":
            what = "it is your own project, compile from its" if len(names) == 1 else "these are yours, compile from a"
            return f"if {what} pyproject.toml, or accept {it} with a rule; otherwise {without}"
        listed = _listed(names, "projects")
        return f"{without}; or " + (
            f"lock {listed} too" if self.foreign else f"add {listed} to the inputs and compile again"
        )

    def _without_paths(self, paths: tuple[str, ...], origin: str | None) -> str:
        files = "the file" if len(paths) == 1 else "the files"
        if _cause(self.form, origin) == "mount":
            return f"{self._again(origin, '', None)}; or remove {files} at the source of the mount"
        local = None
        if self.run is not None:
            words = shell_words(*paths) if len(paths) <= _MOST else None
            count = files if len(paths) == 1 else f"the {len(paths)} files"
            local = f"run `{self.run}rm -r {words}`" if words is not None else f"remove {count}"
        return self._again(origin, "without it" if len(paths) == 1 else "without them", local)

    def _based(self, ground: str) -> str:
        if self.form in ("image", "container"):
            return f"rebuild the image on a base image with {ground}"
        return f"recreate the environment with {ground}"

    def _again(self, origin: str | None, how: str, local: str | None) -> str:
        """Return what fixes the subject: an image rebuilt in the way *how* says, or *local*, in place."""
        match self.form, _cause(self.form, origin):
            case _, "mount":
                return self._without_mount(origin or "")
            case _, "image":
                return self._rebuild(how)
            case "container", cause:
                in_place = f", or {local}" if local else ""
                rebuild = f"; if the image has the drift too, rebuild it {how}" if cause == "unknown" else ""
                return f"recreate the container from its image{in_place}{rebuild}"
            case "process", "change":
                return "recreate its container from the image"
        return local or f"recreate the environment {how}"

    def _without_mount(self, origin: str) -> str:
        """Return what to do about a mount: a volume keeps its content, even if the image is rebuilt."""
        what = "process" if self.form == "process" else "container"
        volume = _VOLUME.search(origin)
        if volume is None:
            return f"start the {what} without that mount"
        name = inert(volume[1] or volume[2])
        text = f"recreate the container with a new volume instead of {name}"
        return f"{text}, or without one: rebuilding the image does not change a volume"

    def _rebuild(self, how: str) -> str:
        match self.form:
            case "container":
                return f"rebuild the image {how} and recreate the container"
            case "process":
                return f"rebuild its image {how} and recreate its container"
        return f"rebuild the image {how}"


def _options(pip: InstalledDistribution) -> str:
    """Return the options that *pip* needs to change packages: the pip of a Linux distribution refuses (PEP 668)."""
    try:
        knows = Version(pip.version) >= _PIP_OF_DISTRIBUTION
    except InvalidVersion:
        return ""
    return "--break-system-packages " if pip.owner is not None and knows else ""


def _said(text: str) -> Remedy:
    return Remedy(verb="other", about=(), origin=None, text=text)


def _besides(remedies: Iterable[Remedy]) -> Iterator[str]:
    """Yield what recreating the subject unchanged would not fix: a setting to remove, and files to rename."""
    about: dict[str, dict[str, None]] = {}
    for each in remedies:
        about.setdefault(each.verb, {}).update(dict.fromkeys(each.about))
    if "unset" in about:
        yield f"without {_settings(tuple(about['unset']))}"
    if "rename" in about:
        files = tuple(about["rename"])
        yield f"with {'another name' if len(files) == 1 else 'other names'} for {_listed(files, 'files')}"


def _settings(variables: Iterable[str]) -> str:
    return " and ".join(f"the {'option' if each.startswith('-') else 'variable'} {inert(each)}" for each in variables)


def _listed(names: Sequence[str], what: str) -> str:
    """Return *names* as part of a sentence; long lists are shortened with a count of *what* they are."""
    names = [*map(inert, names)]
    if len(names) <= _MOST:
        return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    return f"{', '.join(names[:3])} and {len(names) - 3} more {what}"


def _form(subject: Subject) -> _Form:
    """Return the form of *subject*, as far as remedies depend on it."""
    if subject.kind == "container":
        return "container"
    if subject.kind == "process":
        return "process"
    if subject.kind in _IMAGES:
        return "image"
    return "environment" if subject.details.get("is") == "environment" else "other"


def _cause(form: _Form, origin: str | None) -> _Cause:
    """Return the kind of cause of a drift, from the *origin* that reports show."""
    if origin is None:
        return "image" if form == "image" else "unknown"
    if origin == CHANGED:
        return "change"
    return "mount" if _is_mount(origin) else "image"


def _is_mount(origin: str | None) -> bool:
    return origin is not None and origin.startswith("mounted ")


def _naming_mount(text: str, origin: str) -> str:
    """Return *text* with the path of the mount, for use where no context names it."""
    return text.replace("that mount", f"the mount at {inert(origin.removeprefix('mounted at ').partition(' (')[0])}")
