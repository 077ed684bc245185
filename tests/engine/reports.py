"""What the report of an image in order says."""

import tomllib
from typing import Any

from tests.engine.conftest import Trainer

__all__ = ["assert_in_order", "locked_names"]


def locked_names(trainer: Trainer) -> set[str]:
    packages = tomllib.loads((trainer.folder / "pylock.toml").read_text())["packages"]
    return {package["name"] for package in packages}


def assert_in_order(trainer: Trainer, report: Any) -> None:
    names = locked_names(trainer)
    assert {"numpy", "pandas", "scikit-learn", "matplotlib"} <= names
    everything = {"matched": len(names), "total": len(names)}
    (environment,) = report["environments"]
    assert environment["levels"] == {"names": everything, "artifacts": {**everything, "verified": 0}}
    assert (report["complete"], report["drifts"], environment["unprovable"]) == (True, [], [])
