"""Alert rules and the dashboard, held against what is served and against Prometheus's own tool."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.testclient import TestClient

from lockml.audit.web.app import build_app
from lockml.audit.web.metrics import METRICS
from tests.audit.seeded import seed
from tests.audit.services import unavailable

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "lockml" / "audit" / "monitoring"
ALERTS = FOLDER / "alerts.yaml"
DASHBOARD: Any = json.loads((FOLDER / "dashboard.json").read_text())
TESTS = Path(__file__).with_name("alerts.test.yaml")
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def promtool(*arguments: str, folder: Path) -> None:
    program = shutil.which("promtool")
    if program is None:
        unavailable("promtool is not installed (Debian: prometheus)")
    done = subprocess.run([str(program), *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


@pytest.mark.parametrize("expression", [*EXPRESSIONS, *(each["expr"] for each in rules())])
def test_expression_names_metrics_that_are_served(expression: str) -> None:
    """Those of `METRICS` are served: test_metrics holds that."""
    named = set(re.findall(r"lockml_[a-z_]+", expression))
    assert named
    assert named <= set(METRICS)


def test_alert_says_what_is_wrong_and_what_to_do() -> None:
    for rule in rules():
        assert rule["annotations"].keys() == {"summary", "description"}, rule
        assert rule["labels"]["severity"] in ("critical", "warning")


def test_panels_of_the_dashboard_lie_side_by_side() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (column, row)
            for column in range(place["x"], place["x"] + place["w"])
            for row in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert max(column for column, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


@pytest.mark.engine
def test_prometheus_takes_the_rules_and_they_do_what_they_say(tmp_path: Path) -> None:
    for file in (ALERTS, TESTS):
        shutil.copy(file, tmp_path)
    promtool("check", "rules", "alerts.yaml", folder=tmp_path)
    promtool("test", "rules", TESTS.name, folder=tmp_path)


@pytest.mark.engine
def test_prometheus_takes_the_expressions_of_the_dashboard(tmp_path: Path) -> None:
    named = [
        {"record": f"panel:{number}", "expr": each.replace("$__rate_interval", "5m").replace("$stage", ".*")}
        for number, each in enumerate(EXPRESSIONS)
    ]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": named}]}))
    promtool("check", "rules", "rules.yaml", folder=tmp_path)


@pytest.mark.engine
def test_prometheus_finds_nothing_wrong_with_the_metrics(tmp_path: Path) -> None:
    store = seed("sqlite:///a.db", tmp_path)
    text = TestClient(build_app(store)).get("/metrics").text
    store.close()
    (tmp_path / "metrics").write_text(text)
    program = shutil.which("promtool")
    if program is None:
        unavailable("promtool is not installed (Debian: prometheus)")
    with (tmp_path / "metrics").open("rb") as given:
        done = subprocess.run([str(program), "check", "metrics"], stdin=given, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
