import json
import tomllib
from datetime import time, timedelta
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockml.audit.config.model import Fleet
from lockml.audit.config.parse import fleet_schema, parse_fleet
from lockml.audit.config.schedule import Cron, Interval
from lockml.audit.config.toml_lines import line_of
from lockml.common.errors import FleetError
from lockml.index.accelerators.model import Declared
from tests.cli.process import run_lockml

ROOT = Path(__file__).parents[3]
TEXT = """\
[audit]
store = "postgresql://lockml:${PASSWORD}@db.example/lockml"
retention = "forever"
processes = 4

[audit.defaults]
level = "files"
cron = "0 3 * * *"
timezone = "Europe/Berlin"
labels = { stage = "production" }

[[audit.ignore]]
targets = "train*"
name = "debugpy"
reason = "used while training"

[[audit.targets]]
name = "serving"
lock = "locks/serving.toml"
container = "serving"
environment = "/opt/venv"
labels = { team = "vision" }
severity = { newer-release = "ignore" }

  [[audit.targets.ignore]]
  kind = "unexpected"
  name = "ipdb"
  reason = "leak"
  until = 2027-01-31

[[audit.targets]]
name = "trainer"
lock = "locks/trainer.toml"
registry = "registry.example/trainer:1"
every = "90 minutes"
hosts = ["a", "b"]

[[audit.targets]]
name = "list"
lock = "pylock.toml"
freeze = "freeze.txt"

[[audit.discover]]
name = "labelled"
label = "lockml.lock"
lock-label = "lockml.lock"

[[audit.notify]]
name = "on-call"
urls = ["slack://$TOKEN/#models"]
quiet = "22:00-07:00"
timezone = "Europe/Berlin"
"""


def fleet(text: str = TEXT) -> Fleet:
    return parse_fleet(text, "fleet/lockml.toml", {"PASSWORD": "secret", "TOKEN": "abc"})


def faults(text: str) -> list[str]:
    with pytest.raises(FleetError) as caught:
        fleet(text)
    return str(caught.value).splitlines()


def test_targets_have_what_they_say_and_the_defaults_for_the_rest() -> None:
    serving, *_ = fleet().targets
    assert (str(serving.subject), serving.lock) == ("container serving", Path("fleet/locks/serving.toml"))
    settings = serving.settings
    assert (settings.level, settings.environment) == ("files", "/opt/venv")
    assert settings.schedule == Cron(expression="0 3 * * *", zone="Europe/Berlin")
    assert settings.labels == {"stage": "production", "team": "vision"}
    assert settings.severities == {"newer-release": "ignore"}
    (rule,) = settings.ignore
    assert (rule.names, rule.stated_in) == (("ipdb",), place(TEXT, "[[audit.targets.ignore]]"))


def test_target_of_several_hosts_is_one_for_each() -> None:
    _, first, second, _ = fleet().targets
    assert [(each.name, each.host) for each in (first, second)] == [("trainer@a", "a"), ("trainer@b", "b")]
    assert first.settings.schedule == Interval(every=timedelta(minutes=90))
    assert first.belongs_to("a")
    assert not first.belongs_to("b")


def test_address_of_the_pages_has_no_slash_at_its_end() -> None:
    given = TEXT.replace("processes = 4\n", 'base-url = "https://lockml.example/audit/"\n')
    assert fleet(given).base_url == "https://lockml.example/audit"
    assert fleet().base_url is None


@pytest.mark.parametrize(
    "address",
    [
        *("lockml.example", "ftp://lockml.example", "https://me:secret@lockml.example", "https:///x", "https://x/?a"),
        *("http://[", "https://[::1", "https://x:99999", "https://x:port"),
    ],
)
def test_address_of_the_pages_that_is_none_is_refused_by_its_line(address: str) -> None:
    text = TEXT.replace("processes = 4\n", f'base-url = "{address}"\n')
    (fault,) = faults(text)
    assert place(text, "base-url") in fault


def test_list_of_packages_is_held_to_names() -> None:
    *_, listed = fleet(TEXT.replace('level = "files"\n', "")).targets
    assert (listed.settings.level, listed.subject.name) == ("names", "fleet/freeze.txt")


def test_rest_of_the_file_is_read() -> None:
    read = fleet()
    assert (read.store, read.retention, read.processes) == (
        "postgresql://lockml:secret@db.example/lockml",
        None,
        4,
    )
    (rule,) = read.notify
    assert (rule.urls, rule.quiet) == (("slack://abc/#models",), (time(22), time(7)))
    (found,) = read.discovery
    assert (found.label, found.lock, found.lock_label) == ("lockml.lock", None, "lockml.lock")
    serving, trainer, *_ = read.targets
    assert [each.names for each in read.rules_of(trainer)] == [("debugpy",)]
    assert [each.names for each in read.rules_of(serving)] == [("ipdb",)]


def test_every_fault_is_told_with_its_line() -> None:
    text = (
        TEXT.replace("forever", "90x")
        .replace('container = "serving"', 'container = "serving"\nimage = "x"')
        .replace("until = 2027-01-31", 'until = "soon"')
        .replace('every = "90 minutes"', 'evry = "1h"')
        .replace("22:00-07:00", "25:00-07:00")
        .replace("$TOKEN", "$TOKENS")
        .replace("lock-label =", "lock = 'x'\nlock-label =")
    )
    kinds = "container, image, registry, archive, oci, compose, path, freeze, pid"
    assert faults(text) == [
        f"{place(text, '[[audit.targets]]')}: target 'serving': give exactly one of {kinds}, not container and image",
        f"{place(text, 'evry')}: unknown key 'evry'",
        f"{place(text, '[[audit.discover]]')}: rule 'labelled': give lock or lock-label",
        f"{place(text, 'urls')}: urls: the variable TOKENS is not set",
        f"{place(text, 'quiet')}: quiet: '25:00-07:00' is not a range of hours: write 22:00-07:00",
        f"{place(text, 'retention')}: retention: '90x' is not a duration: write 30s, 5m, 6h or 90d",
    ]


def place(text: str, part: str) -> str:
    """Return the file and the first line that has *part*."""
    return f"fleet/lockml.toml:{text[: text.index(part)].count(chr(10)) + 1}"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('lock = "pylock.toml"', "lock = 3", "lock: expected a string, got a number"),
        ('name = "list"', 'name = "serving"', "the name 'serving' is used twice"),
        ('"0 3 * * *"', '"0 3 * *"', "cron: '0 3 * *' is not a cron expression: Wrong number of fields"),
        ('cron = "0 3 * * *"', 'every = "6 hors"', "every: is not a duration"),
        ('cron = "0 3 * * *"', 'cron = "0 3 * * *"\nevery = "6h"', "every: cannot be combined with cron"),
        (
            'timezone = "Europe/Berlin"\nlabels',
            'timezone = "Mars/Base"\nlabels',
            "timezone: unknown zone 'Mars/Base'",
        ),
        ("newer-release", "newest-release", "severity: unknown kind 'newest-release'"),
        ('kind = "unexpected"', 'kind = "unexpectd"', "ignore: has an unknown kind 'unexpectd'"),
        ("processes = 4", "processes = 0", "processes: expected a number >= 1"),
        ("[audit]", "[audit", "is not TOML"),
        ("[audit", "[order", " has no [audit] table"),
    ],
)
def test_fault_names_the_line_and_the_key(old: str, new: str, fault: str) -> None:
    text = TEXT.replace(old, new)
    told = faults(text)
    marker = {"ignore": "[[audit.targets.ignore]]", "every": "every = "}.get(fault.partition(":")[0], new)
    where = place(text, marker) if text.count(marker) == 1 else "fleet/lockml.toml"
    assert any(fault in each and each.startswith(where) for each in told), told


def test_schema_is_published_and_describes_what_is_read() -> None:
    published = json.loads((ROOT / "docs" / "fleet.schema.json").read_text())
    assert published == fleet_schema(), "write it anew: python -m tests.audit.config.write_schema"
    jsonschema.Draft202012Validator.check_schema(published)
    document = json.loads(json.dumps(tomllib.loads(TEXT), default=str))
    jsonschema.validate(document, published)
    document["audit"]["targets"][0]["evry"] = "1h"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, published)


@pytest.mark.process
def test_file_that_init_writes_is_a_fleet_with_all_that_is_commented_out_too(tmp_path: Path) -> None:
    assert run_lockml("audit", "init", folder=tmp_path).code == 0
    text = (tmp_path / "lockml.toml").read_text()
    assert len(parse_fleet(text, "lockml.toml", {}).targets) == 1
    lines = [line.removeprefix("# ") if " = " in line or "[[" in line else line for line in text.splitlines()]
    whole = parse_fleet("\n".join(lines), "lockml.toml", {"SLACK_TOKEN": "x", "LOCKML_DB_PASSWORD": "y"})
    assert (len(whole.discovery), len(whole.notify), len(whole.targets[0].settings.ignore)) == (1, 1, 1)
    again = run_lockml("audit", "init", folder=tmp_path)
    assert (again.code, "exists already" in again.err) == (2, True)


KEYS = st.text("abc-_ .\"'#[]=", min_size=1, max_size=5)


@pytest.mark.slow
@given(
    st.lists(st.tuples(KEYS, st.text("abc\n\"'#[]{}=,. \\", max_size=12)), min_size=1, unique_by=lambda pair: pair[0])
)
def test_line_of_a_key_is_found_whatever_stands_in_the_values(pairs: list[tuple[str, str]]) -> None:
    """TOML 1.0, keys and basic strings, among tables of an array."""
    lines = ["# [[audit.targets]]", "[audit]"]
    expected: dict[tuple[str | int, ...], int] = {}
    for number, (key, value) in enumerate(pairs):
        lines.append("[[audit.targets]]")
        lines.append(f"{json.dumps(key)} = {json.dumps(value)}")
        expected["audit", "targets", number] = len(lines) - 1
        if '"' not in key:
            expected["audit", "targets", number, key] = len(lines)
    text = "\n".join(lines)
    tomllib.loads(text)
    assert {path: line_of(text, path) for path in expected} == expected


def test_driver_and_gpu_of_the_hosts_hold_for_targets_that_say_nothing_else() -> None:
    text = TEXT.replace("[audit.defaults]\n", '[audit.defaults]\ndriver = "550.54.14"\ngpu = "8.9"\n')
    assert {target.settings.declared for target in fleet(text).targets} == {Declared(driver="550.54.14", gpu="8.9")}


def test_driver_and_gpu_that_are_none_are_told() -> None:
    text = TEXT.replace("[audit.defaults]\n", '[audit.defaults]\ndriver = "12.8"\ngpu = "fast"\n')
    assert faults(text) == [
        f"{place(text, 'driver')}: driver: '12.8' is not an NVIDIA driver: write a version such as 550.54.14",
        f"{place(text, 'gpu')}: gpu: 'fast' is neither a compute capability such as 8.9 nor a known model",
    ]


def test_rules_of_check_hold_for_every_target_too() -> None:
    rule = 'kind = "unexpected"\nname = "debugpy"\nreason = "known"\n'
    text = f'[[ignore]]\n{rule}[audit]\n[[audit.ignore]]\ntargets = "a*"\nkind = "yanked"\nreason = "known too"\n'
    fleet = parse_fleet(text, "lockml.toml", {})
    assert [(pattern, each.kind, each.stated_in) for pattern, each in fleet.ignore] == [
        ("*", "unexpected", "lockml.toml:1"),
        ("a*", "yanked", "lockml.toml:6"),
    ]
    with pytest.raises(FleetError, match=r"lockml\.toml:2"):
        parse_fleet("[audit]\n[[ignore]]\nkind = 'nope'\nreason = 'x'\n", "lockml.toml", {})
