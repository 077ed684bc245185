"""What to do about a drift, as a command where one mends it: the subject and its environment in, sentences out."""

import shlex
from dataclasses import dataclass

from lockml.inventory.model import Inventory

__all__ = ["Remedies"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedies:
    """The remedies for one subject; *pip* starts its pip, *run* any command in it; None where that cannot be."""

    pip: str | None
    run: str | None = None

    @classmethod
    def of(cls, inventory: Inventory) -> "Remedies":
        """Return the remedies for the subject of *inventory*: a container and an environment can be mended in place."""
        environment = inventory.environment
        python = shlex.quote(f"{environment.prefix.rstrip('/')}/bin/python3")
        has_pip = any(distribution.name == "pip" for distribution in environment.distributions)
        subject = inventory.subject
        if subject.kind == "container":
            run = f"{subject.details.get('engine', 'docker')} exec {shlex.quote(subject.name)} "
        elif subject.details.get("is") == "environment":
            run = ""
        else:
            return cls(pip=None)
        return cls(pip=f"{run}{python} -m pip" if has_pip else None, run=run)

    def install(self, requirement: str | None) -> str:
        """Say how to get what was locked, *requirement* as pip installs it, None for what only a build brings back."""
        if self.pip is None or requirement is None:
            return "build anew from the locked requirements.txt"
        return f"{self.pip} install --no-deps --force-reinstall --no-cache-dir {shlex.quote(requirement)}"

    def remove(self, name: str) -> str:
        """Say what to do about a project that was not locked."""
        again = f"add {name} to the inputs and compile again"
        first = f"run `{self.pip} uninstall -y {shlex.quote(name)}`" if self.pip else "build without it"
        return f"{first}, or {again}"

    def own(self, name: str) -> str:
        """Say what to do about what was installed from a folder, and may be the user's own project."""
        rule = f'[[tool.lockml.ignore]] kind = "unexpected", name = "{name}"'
        return (
            f"if it is your own project, compile from its pyproject.toml, or accept it ({rule}); else build without it"
        )

    def remove_folder(self, path: str) -> str:
        """Say that one of two copies must go."""
        return f"remove {path} and what it installed, or build anew from the locked requirements.txt"

    def remove_path(self, path: str, origin: str | None = None) -> str:
        """Say what to do about what nothing accounts for; what is mounted is somebody's on the host."""
        if origin is not None and origin.startswith("mounted "):
            return "start without that mount, or rename the file where it comes from"
        if self.run is None:
            return "build without it, from the locked requirements.txt"
        return f"run `{self.run}rm -r {shlex.quote(path)}`, or start anew from the image"

    def reinstall(self, name: str) -> str:
        """Say how to get a project back that is not locked."""
        return f"install {name} anew, or start anew from the image"

    def library(self) -> str:
        """Say how to get the standard library back."""
        return "start anew from the image, or build it anew on its base image"

    def python(self, locked: str, found: str) -> str:
        """Say how to get lock and Python together."""
        return f"build on a base image with Python {locked}, or compile with --python {found}"

    def base_image(self, reference: str) -> str:
        """Say how to get lock and base image together."""
        return f"build on {reference} as it was locked for, by its digest, or compile for the new one: --base-image"

    def platform(self, locked: str) -> str:
        """Say how to get lock and platform together."""
        return f"build on a base image for {locked}, or compile with this one's --platform and --libc"
