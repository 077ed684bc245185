"""Find the services of a Compose file that run other images than the audited ones (Compose specification)."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import yaml

from lockml.common.yaml.errors import not_yaml
from lockml.docker.dockerfile.images import parse_image
from lockml.docker.dockerfile.source import Source
from lockml.docker.lint import Settings, judged
from lockml.docker.model import Finding
from lockml.docker.rules.credentials import SECRET_NAME, login_in
from lockml.docker.rules.registry import RULES
from lockml.docker.rules.suppressions import Span, suppress, suppressions_of

__all__ = ["lint_compose"]

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGED: Final = 20  # mappings merged into one
_VARIABLE: Final = re.compile(r"\$\{?[A-Za-z_]")


def lint_compose(source: Source, images: Sequence[str], settings: Settings) -> tuple[Finding, ...]:
    """Return what is wrong with the services of *source*; *images* are those that lockml.toml names.

    Raises InputError for anything but YAML.
    """
    try:
        root = yaml.compose(source.text.encode("utf-8", "replace").decode("utf-8"), Loader=_LOADER)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise not_yaml(source.name, error) from error
    findings: list[Finding] = []
    spans: list[Span] = []
    for name, service in _pairs(_get(root, "services")):
        image = _get(service, "image")
        if isinstance(image, yaml.ScalarNode):
            findings += _image(source, name.value, image, images)
        findings += _arguments(source, _get(_get(service, "build"), "args"))
    for each in findings:
        number = source.position(each.start).line
        spans.append(Span(source.line_starts[number - 1], each.start + len(source.line(number))))
    suppressions, faults = suppressions_of(source, sorted(spans, key=lambda span: span.start))
    return judged((*suppress(findings, suppressions, source), *faults), settings, source)


def _pairs(node: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the scalar keys of a mapping with their values."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield key, value


def _get(node: Any, name: str) -> Any:
    """Return the value of a mapping for *name*, its own or from mappings merged into it (``<<``), first to last."""
    left: list[Any] = [node]
    seen: set[int] = set()
    while left and len(seen) < _MERGED:
        here = left.pop(0)
        if id(here) in seen:
            continue
        seen.add(id(here))
        pairs = list(_pairs(here))
        found = next((value for key, value in pairs if key.value == name), None)
        if found is not None:
            return found
        merged = [value for key, value in pairs if key.value == "<<"]
        left[:0] = [
            each for value in merged for each in (value.value if isinstance(value, yaml.SequenceNode) else [value])
        ]
    return None


def _image(source: Source, service: str, node: Any, images: Sequence[str]) -> Iterator[Finding]:
    text = str(node.value)
    if _VARIABLE.search(text):
        return
    used = parse_image(text)
    audited = [image for image in map(parse_image, images) if image.repository == used.repository]
    if not audited or any((i.tag or "latest", i.digest) == (used.tag or "latest", used.digest) for i in audited):
        return
    if used.digest and any(image.digest == used.digest for image in audited):
        return
    named = next(image for image in images if parse_image(image).repository == used.repository)
    yield Finding(
        code="LK701",
        severity=RULES["LK701"].severity,
        message=f"service {service!r} runs {text}, but lockml.toml names {named}",
        source=source,
        start=node.start_mark.index,
        stop=node.end_mark.index,
        hint="use the audited image here, or audit this one",
    )


def _arguments(source: Source, node: Any) -> Iterator[Finding]:
    """Yield the secrets among build arguments, which remain in the history of the image."""
    pairs = [(str(key.value), value) for key, value in _pairs(node)]
    if isinstance(node, yaml.SequenceNode):
        scalars = [each for each in node.value if isinstance(each, yaml.ScalarNode)]
        pairs = [(str(each.value).partition("=")[0], each) for each in scalars if "=" in str(each.value)]
    for name, value in pairs:
        if not isinstance(value, yaml.ScalarNode) or not str(value.value):
            continue
        if SECRET_NAME.search(name) or login_in(str(value.value)):
            yield Finding(
                code="LK303",
                severity=RULES["LK303"].severity,
                message=f"the build argument {name} remains in the history of the image",
                source=source,
                start=value.start_mark.index,
                stop=value.end_mark.index,
                hint="pass it as a build secret",
            )
