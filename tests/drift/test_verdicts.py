"""Verdicts that survey and comparison share."""

from msgspec.structs import replace
from packaging.version import Version

from lockml.drift.artifacts import Differs, Proven
from lockml.drift.ground.platform import serving_target
from lockml.drift.tools import Unknown
from lockml.drift.verdicts import Verdicts
from lockml.inventory.model import InstalledDistribution
from tests.drift.subjects import in_order, inventory_of, make_lock

LOCK = make_lock()
INVENTORY = inventory_of(in_order())
TARGET = serving_target(LOCK, INVENTORY.environment, "pylock.toml")
PACKAGE = next(each for each in LOCK.pylock.packages if each.name == "numpy")


def installed(name: str) -> InstalledDistribution:
    return next(each for each in INVENTORY.environment.distributions if each.name == name)


def test_distribution_is_judged_once() -> None:
    verdicts = Verdicts(LOCK)
    verdict = verdicts.locked(PACKAGE, TARGET, installed("numpy"))
    assert isinstance(verdict, Proven)
    assert verdicts.locked(PACKAGE, TARGET, installed("numpy")) is verdict


def test_another_distribution_in_the_same_folder_is_judged_anew() -> None:
    verdicts = Verdicts(LOCK)
    verdicts.locked(PACKAGE, TARGET, installed("numpy"))
    rows = (installed("numpy").record or ())[:1]
    assert isinstance(verdicts.locked(PACKAGE, TARGET, replace(installed("numpy"), record=rows)), Differs)


def test_tool_is_judged_once_for_each_library() -> None:
    verdicts = Verdicts(LOCK)
    verdict = verdicts.tool(installed("pip"), None)
    assert isinstance(verdict, Unknown)
    assert verdicts.tool(installed("pip"), None) is verdict
    assert verdicts.tool(replace(installed("pip"), version=str(Version("23.0.1"))), None) != verdict
