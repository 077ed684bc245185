"""What manifests learn of a fleet file."""

import pytest

from lockml.audit.manifests.fleet_facts import FleetEntry, missing_there, parse_facts
from lockml.common.errors import FleetError

FLEET = """\
[audit]
store = "sqlite:////var/lib/audits/audit.db"
broker = "redis://:${BROKER_PASSWORD}@redis.example/0"
[[audit.targets]]
name = "api"
lock = "locks/api.toml"
pid = 7
[[audit.discover]]
name = "trainers"
label = "lockml.lock"
lock-label = "lockml.lock"
[[audit.discover]]
name = "notebooks"
compose = "notebooks"
lock = "notebook.toml"
[[audit.notify]]
name = "on-call"
urls = ["slack://$SLACK_TOKEN/#models", "json://$SLACK_TOKEN"]
"""


def test_facts_name_targets_rules_variables_and_the_file_of_the_store() -> None:
    facts = parse_facts(FLEET, "lockml.toml")
    assert facts.entries == (
        FleetEntry(name="api", kind="pid", subject="7", lock="locks/api.toml"),
        FleetEntry(name="trainers", kind="discovery", subject="", lock=""),
        FleetEntry(name="notebooks", kind="discovery", subject="", lock="notebook.toml"),
    )
    assert facts.variables == ("BROKER_PASSWORD", "SLACK_TOKEN")
    assert facts.store == "/var/lib/audits/audit.db"


@pytest.mark.parametrize(
    ("text", "store"),
    [
        ("[audit]\n", "lockml-audit.db"),
        ('[audit]\nstore = "postgresql://lockml:$DB@db.example/lockml"\n', None),
        ('[audit]\nstore = "$STORE"\n', None),
        ('[audit]\nstore = "sqlite:///a.db?timeout=1"\n', "a.db"),
    ],
)
def test_store_is_a_file_or_none(text: str, store: str | None) -> None:
    assert parse_facts(text, "lockml.toml").store == store


@pytest.mark.parametrize(
    "text", ["[audit", "[audit]\nnotify = 1\n", "[audit]\ntargets = [7]\n", "[check]\n", "[audit]\ntargets = [{}]"]
)
def test_file_that_no_audit_could_read_is_an_error(text: str) -> None:
    with pytest.raises(FleetError, match=r"lockml\.toml"):
        parse_facts(text, "lockml.toml")


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("systemd", []),
        ("compose", ["store"]),
        ("github", ["target 'api'", "discovery rule 'trainers'", "discovery rule 'notebooks'"]),
        (
            "kubernetes",
            ["target 'api'", "target 'api'", "discovery rule 'trainers'", "discovery rule 'notebooks'", "store"],
        ),
        ("kubernetes-serve", ["target 'api'", "discovery rule 'trainers'", "store"]),
    ],
)
def test_rules_and_targets_that_do_not_exist_there_are_named(system: str, expected: list[str]) -> None:
    found = [line.partition(":")[0] for line in missing_there(system, parse_facts(FLEET, "lockml.toml"))]
    assert found == [each for each in expected if (system, each) != ("compose", "store")]


def test_folder_of_the_store_that_a_variable_names_is_left_to_the_reader() -> None:
    facts = parse_facts('[audit]\nstore = "sqlite:///$FOLDER/a.db"\n', "lockml.toml")
    (line,) = missing_there("systemd", facts)
    assert "ReadWritePaths=" in line
