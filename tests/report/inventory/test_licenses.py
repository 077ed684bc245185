import pytest

from lockml.inventory.model import Described
from lockml.report.inventory.licenses import licenses_of

OSI = "License :: OSI Approved"


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        (Described(), []),
        (Described(license_expression="apache-2.0 AND mit"), ["Apache-2.0 AND MIT"]),
        (Described(license_expression="apache-2.0", license="something else"), ["Apache-2.0"]),
        (Described(license_expression="no licence"), ["no licence"]),
        (Described(license="BSD-3-Clause"), ["BSD-3-Clause"]),
        (Described(license="Apache 2.0"), ["Apache 2.0"]),
        (Described(license="UNKNOWN"), []),
        (Described(license="UNKNOWN", license_classifiers=(f"{OSI} :: MIT License",)), ["MIT License"]),
        (Described(license_classifiers=(OSI, f"{OSI} :: A", f"{OSI} :: B", f"{OSI} :: A")), ["A", "B"]),
        (
            Described(license="Copyright", license_is_text=True, license_classifiers=(f"{OSI} :: BSD License",)),
            ["BSD License"],
        ),
        (Described(license="Copyright 2020", license_is_text=True), ["Copyright 2020"]),
        (Described(license="x" * 500), []),
    ],
)
def test_licences_are_what_metadata_state_and_nothing_else(described: Described, expected: list[str]) -> None:
    """PEP 639: an expression counts before a text, and that before classifiers."""
    found = licenses_of(described)
    names = []
    for each in found:
        licence = each.get("license")
        names.append(licence["name"] if isinstance(licence, dict) else each["expression"])
    assert names == expected
