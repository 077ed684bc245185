"""Turn the licence fields of metadata into the licences of a CycloneDX component (PEP 639, SPDX)."""

from typing import Final

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from lockml.common.display import escape
from lockml.inventory.model import Described

__all__ = ["licenses_of"]

_MAX_NAME: Final = 120  # some packages put the full licence text here
_UNKNOWN: Final = frozenset({"", "UNKNOWN", "DUAL LICENSE"})
_DECLARED: Final = "declared"


def licenses_of(described: Described) -> list[dict[str, object]]:
    """Return the licences of a component: an expression if one is stated, else names; [] if there are none."""
    expression = _expression(described.license_expression)
    if expression is not None:
        return [{"expression": expression, "acknowledgement": _DECLARED}]
    names = [*_stated(described)] or [*_classified(described)]
    expression = _expression(names[0]) if len(names) == 1 else None
    if expression is not None:
        return [{"expression": expression, "acknowledgement": _DECLARED}]
    return [{"license": {"name": escape(name), "acknowledgement": _DECLARED}} for name in dict.fromkeys(names)]


def _expression(text: str | None) -> str | None:
    """Return *text* as an SPDX expression, None if it is not one."""
    try:
        return str(canonicalize_license_expression(text)) if text else None
    except (InvalidLicenseExpression, ValueError, RecursionError):
        return None


def _stated(described: Described) -> list[str]:
    whole = described.license_is_text and described.license_classifiers
    stated = (described.license_expression, None if whole else described.license)
    texts = [text for text in stated if text and text.upper() not in _UNKNOWN and len(text) <= _MAX_NAME]
    return texts[:1]


def _classified(described: Described) -> list[str]:
    names = (each.rpartition("::")[2].strip() for each in described.license_classifiers)
    return [name[:_MAX_NAME] for name in names if name not in ("OSI Approved", "")]
