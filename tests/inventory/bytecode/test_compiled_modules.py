"""Compiled modules: which Python loads, of whose layer they are, and what a comparison of their code shows."""

from collections.abc import Iterable, Iterator

import pytest
from msgspec.structs import replace

from lockml.drift.model import DriftReport
from lockml.drift.proof import proof_of
from lockml.inventory.bytecode.comparison import CompiledModule, Outcome, Verdict
from lockml.inventory.bytecode.compiled_modules import CompareCode
from lockml.inventory.collect import take_inventory
from lockml.inventory.file_tree import Origin
from lockml.inventory.model import RunningProcess, Runtime, Subject
from lockml.lock.model import BaseImage
from tests.drift.checks import (
    IMAGE,
    LATER,
    STARTED,
    USUAL,
    check,
    found,
    limits,
    notes,
    row,
    start,
    usual_lock,
    with_rows,
)
from tests.drift.subjects import in_order
from tests.made.trees import SITE, MemoryTree
from tests.made.wheels import compiled_module

CACHE = f"{SITE}/model/__pycache__/__init__.cpython-311.pyc"
OTHERS = f"{SITE}/pip/__pycache__"
NOT_LOADED = "compiled modules do not match the sources next to them, but Python does not load them"


class Comparison:
    """A `CompareCode` that finds what it is told, and remembers what it was asked."""

    def __init__(self, outcome: Outcome = "same", *, silent: bool = False) -> None:
        self.asked: list[CompiledModule] = []
        self._outcome = outcome
        self._silent = silent

    def __call__(self, python: str, modules: Iterable[CompiledModule]) -> Iterator[Verdict]:
        assert python == "3.11.2"
        for each in modules:
            self.asked.append(each)
            if not self._silent:
                yield Verdict(each.path, self._outcome, "it holds 'evil'")

    @property
    def paths(self) -> list[str]:
        return [each.path for each in self.asked]


def of_layers(files: dict[str, bytes], module: Origin = IMAGE) -> MemoryTree:
    """Return a tree of an image, whose one compiled module has its own origin."""
    return MemoryTree(files, origins={"/": IMAGE, CACHE: module})


def compared(tree: MemoryTree, compare: CompareCode) -> DriftReport:
    return check(tree, compiled=compare)


def test_fitting_header_of_the_source_s_own_layer_is_a_limit_and_not_compared() -> None:
    comparison = Comparison()
    report = compared(of_layers(in_order()), comparison)
    assert (found(report), limits(report)["bytecode-body"], comparison.asked) == ([], 2, [])


@pytest.mark.parametrize("origin", [LATER, STARTED])
def test_module_that_came_later_than_its_source_is_compared(origin: Origin) -> None:
    comparison = Comparison()
    report = compared(of_layers(in_order(), module=origin), comparison)
    assert (found(report), limits(report)["bytecode-body"], comparison.paths) == ([], 1, [CACHE])
    (asked,) = comparison.asked
    assert (asked.compiled, asked.source, asked.optimisation) == (compiled_module(b""), b"", 0)


def test_module_that_is_not_known_to_be_of_the_source_s_layer_is_compared() -> None:
    """Of a folder nothing tells what came when."""
    comparison = Comparison()
    assert found(compared(MemoryTree(in_order()), comparison)) == []
    assert CACHE in comparison.paths


@pytest.mark.parametrize("origin", [LATER, STARTED])
def test_module_with_other_code_than_its_source_is_drift(origin: Origin) -> None:
    report = compared(of_layers(in_order(), module=origin), Comparison("different"))
    (drift,) = report.drifts
    assert (drift.kind, drift.path, drift.name, drift.origin) == ("bytecode", CACHE, "model", origin.text)
    assert "it holds 'evil'" in drift.detail


@pytest.mark.parametrize("comparison", [Comparison("not-compared"), Comparison(silent=True)], ids=["not", "silent"])
def test_module_that_was_not_compared_is_a_limit(comparison: Comparison) -> None:
    report = compared(of_layers(in_order(), module=STARTED), comparison)
    assert (found(report), limits(report)["bytecode-body"]) == ([], 2)


def test_module_of_the_locked_base_image_is_no_limit() -> None:
    layers = ("sha256:" + "a" * 64,)
    lock = replace(usual_lock(), base_image=BaseImage(reference="base:1", layers=layers))
    report = check(of_layers(in_order()), lock=lock, layers=layers)
    assert (found(report), "bytecode-body" in limits(report)) == ([], False)


@pytest.mark.parametrize(("name", "level"), [("", 0), (".opt-1", 1), (".opt-2", 2)])
def test_module_is_compared_at_the_level_that_its_name_has(name: str, level: int) -> None:
    """PEP 488."""
    path = CACHE.replace(".pyc", f"{name}.pyc")
    comparison = Comparison()
    compared(MemoryTree({**in_order(), path: compiled_module(b"")}), comparison)
    assert [each.optimisation for each in comparison.asked if each.path == path] == [level]


def order_of(salt: bytes, origins: dict[str, Origin], modified: dict[str, int] | None = None) -> list[str]:
    """Return the compiled modules in the order that they are compared in."""
    tree = MemoryTree(in_order(), origins=origins, modified=modified)
    comparison = Comparison()
    proof = proof_of(usual_lock(), "pylock.toml", compare=comparison, salt=salt)
    take_inventory(tree, Subject(kind="container", name="x"), USUAL, files=True, proof=proof)
    return comparison.paths


def test_modules_that_changed_after_the_start_are_compared_first() -> None:
    for salt in (b"a", b"b", b"c", b"d"):
        assert order_of(salt, {"/": IMAGE, f"{SITE}/model/__pycache__": STARTED, OTHERS: LATER})[0] == CACHE


@pytest.mark.parametrize(
    ("variables", "level"), [({}, ""), ({"PYTHONOPTIMIZE": "2"}, ".opt-2"), ({"PYTHONOPTIMIZE": "x"}, ".opt-1")]
)
def test_modules_that_python_loads_as_it_is_started_are_compared_first(variables: dict[str, str], level: str) -> None:
    paths = [CACHE.replace(".pyc", f"{each}.pyc") for each in ("", ".opt-1", ".opt-2")]
    comparison = Comparison()
    files = {**in_order(), **dict.fromkeys(paths, compiled_module(b""))}
    origins = {"/": IMAGE, f"{SITE}/model/__pycache__": STARTED}
    check(MemoryTree(files, origins=origins), start(**variables), compiled=comparison)
    assert comparison.paths[0] == CACHE.replace(".pyc", f"{level}.pyc")


def test_order_is_decided_by_what_nobody_can_foresee_and_not_by_times() -> None:
    """Or somebody who writes one of them gives it thousands of others to go before it."""
    orders = {tuple(order_of(bytes([n]), {OTHERS: STARTED, CACHE: STARTED})) for n in range(20)}
    assert len(orders) == 2
    times = dict.fromkeys(in_order(), 1_700_000_000) | {CACHE: 1_700_000_500}
    assert order_of(b"a", {}, times) == order_of(b"a", {})


def test_module_that_is_larger_than_any_compilation_of_its_source_is_drift() -> None:
    """It would be too large to be compared."""
    report = check(of_layers({**in_order(), CACHE: compiled_module(b"") + bytes(1 << 20)}, module=STARTED))
    assert found(report) == [("bytecode", CACHE)]


STALE = [
    compiled_module(b"", modified=999),
    compiled_module(b"", size=5),
    compiled_module(b"", flags=3),
    compiled_module(b"", flags=8),
    compiled_module(b"", magic=3420),
    b"",
    b"short",
]


@pytest.mark.slow
@pytest.mark.parametrize("origin", [IMAGE, LATER, STARTED])
@pytest.mark.parametrize("content", STALE)
def test_module_that_python_does_not_load_is_counted_once_and_never_drift(content: bytes, origin: Origin) -> None:
    report = check(of_layers({**in_order(), CACHE: content}, module=origin))
    assert (found(report), f"1 {NOT_LOADED}" in notes(report)) == ([], True)


def test_thousands_of_stale_modules_are_one_note() -> None:
    """``cp -r`` of a virtual environment gave 5,001 drifts."""
    files = {**in_order(), **{f"{OTHERS}/gone{n}.cpython-311.pyc": compiled_module(b"") for n in range(300)}}
    report = check(files)
    assert (found(report), f"300 {NOT_LOADED}" in notes(report)) == ([], True)


def test_stale_modules_show_where_other_bytes_were_changed() -> None:
    files = {**in_order(), f"{SITE}/model/__init__.py": b"evil = 1\n"}
    record = f"{SITE}/model-1.0.dist-info/RECORD"
    kept = [line for line in files[record].decode().splitlines() if not line.startswith("model/__init__.py,")]
    files = with_rows(
        {**files, record: "".join(f"{line}\r\n" for line in kept).encode()},
        "model-1.0",
        row("model/__init__.py", b"evil = 1\n"),
    )
    (drift,) = check(files).drifts
    assert drift.kind == "artifact"
    assert "its compiled modules show where" in drift.detail


@pytest.mark.parametrize("tag", ["cpython-310", "cpython-312", "pypy310", "cpython-311d", "cpython-3111"])
def test_module_of_another_python_is_not_looked_at(tag: str) -> None:
    files = {**in_order(), CACHE.replace("cpython-311", tag): compiled_module(b"", flags=1)}
    assert found(check(files)) == []


@pytest.mark.parametrize("tag", ["cpython-311", "cpython-311t"])
def test_module_of_a_free_threaded_build_is_looked_at_by_either_name(tag: str) -> None:
    """PEP 3147: sys.implementation.cache_tag, which a build may give its ABI."""
    site = SITE.replace("python3.11", "python3.11t")
    files = {path.replace(SITE, site): content for path, content in in_order().items()}
    cache = f"{site}/model/__pycache__/__init__.{tag}.pyc"
    assert ("bytecode", cache) in found(check({**files, cache: compiled_module(b"", flags=1)}))


def test_module_that_is_never_checked_is_drift_wherever_it_came_from() -> None:
    """PEP 552."""
    report = check(of_layers({**in_order(), CACHE: compiled_module(b"", flags=1)}))
    assert found(report) == [("bytecode", CACHE)]


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize(
    ("content", "outcome", "drifts"),
    [
        (compiled_module(b""), "different", [("bytecode", CACHE)]),
        (compiled_module(b"", flags=1), "same", [("bytecode", CACHE)]),
        (compiled_module(b""), "same", []),
        (b"stale", "different", []),
    ],
)
def test_link_in_the_place_of_a_module_is_judged_by_what_it_leads_to(
    content: bytes, outcome: Outcome, drifts: list[tuple[str, str]], listed: bool
) -> None:
    """pip lists compiled modules without a hash, uv does not list them."""
    files = in_order()
    files["/srv/evil.pyc"] = content
    del files[CACHE]
    if not listed:
        record = f"{SITE}/model-1.0.dist-info/RECORD"
        files[record] = b"".join(line for line in files[record].splitlines(keepends=True) if b".pyc" not in line)
    tree = MemoryTree(files, links={CACHE: "/srv/evil.pyc"}, origins={"/": IMAGE})
    assert found(compared(tree, Comparison(outcome))) == drifts


def test_link_that_is_not_compared_is_a_limit() -> None:
    files = {path: content for path, content in in_order().items() if path != CACHE}
    tree = MemoryTree({**files, "/srv/x.pyc": compiled_module(b"")}, links={CACHE: "/srv/x.pyc"}, origins={"/": IMAGE})
    report = check(tree)
    assert (found(report), limits(report)["bytecode-body"]) == ([], 2)


@pytest.mark.parametrize("path", [f"{SITE}/model/__init__.py", CACHE])
def test_link_without_end_is_one_problem_and_the_rest_is_looked_at(path: str) -> None:
    files = {name: content for name, content in in_order().items() if name != path}
    tree = MemoryTree({**files, f"{SITE}/numpy/core.so": b"machine codE"}, links={path: path.rpartition("/")[2]})
    report = check(tree)
    assert ("modified", f"{SITE}/numpy/core.so") in found(report)
    assert {problem.path for problem in report.problems} == {path}


def test_folder_in_the_place_of_a_module_is_unattributed() -> None:
    files = {**in_order(), f"{SITE}/model/__pycache__/evil/__init__.py": b""}
    assert [kind for kind, _ in found(check(files))] == ["unattributed-file"]


PREFIX = "/var/cache/python"


def cached(content: bytes, source: str = f"{SITE}/model/__init__.py") -> dict[str, bytes]:
    name = source.rpartition("/")[2].replace(".py", ".cpython-311.pyc")
    return {f"{PREFIX}{source.rpartition('/')[0]}/{name}": content}


def test_modules_below_the_cache_prefix_are_judged_and_those_beside_sources_are_not_loaded() -> None:
    """PYTHONPYCACHEPREFIX, Python 3.8."""
    evil = cached(compiled_module(b"", flags=1))
    beside = {CACHE: compiled_module(b"", flags=1)}
    report = check({**in_order(), **beside, **evil}, start(PYTHONPYCACHEPREFIX=PREFIX))
    assert found(report) == [("bytecode", *evil)]


def test_module_below_the_cache_prefix_is_compared() -> None:
    files = {**in_order(), **cached(compiled_module(b""))}
    runtime = start(PYTHONPYCACHEPREFIX=PREFIX)
    (path,) = cached(b"")
    assert found(check(files, runtime, compiled=Comparison("different"))) == [("bytecode", path)]


def test_stale_module_below_the_cache_prefix_is_none() -> None:
    files = {**in_order(), **cached(compiled_module(b"", modified=5))}
    assert found(check(files, start(PYTHONPYCACHEPREFIX=PREFIX))) == []


@pytest.mark.parametrize("order", [1, -1])
def test_both_places_are_judged_when_one_process_has_a_cache_prefix_and_another_has_none(order: int) -> None:
    usual = {"PATH": "/opt/venv/bin"}
    processes = tuple(
        RunningProcess(
            number=number,
            program="/opt/venv/bin/python3",
            command=("/opt/venv/bin/python3", "-m", "app"),
            environment=variables,
            working_folder="/",
        )
        for number, variables in enumerate([usual, {**usual, "PYTHONPYCACHEPREFIX": PREFIX}][::order], 1)
    )
    evil = {CACHE: compiled_module(b"", flags=1), **cached(compiled_module(b"", flags=1))}
    report = check({**in_order(), **evil}, Runtime(environment=usual, processes=processes))
    assert found(report) == [("bytecode", path) for path in sorted(evil)]


def test_module_that_was_compiled_into_the_place_of_its_source_is_drift() -> None:
    """`compileall -b` and no sources: Python loads such modules, and nothing says what they were made of."""
    source = f"{SITE}/model/__init__.py"
    files = {path: content for path, content in in_order().items() if path != source}
    files[f"{SITE}/model/__init__.pyc"] = compiled_module(b"")
    assert found(check(files)) == [("bytecode", f"{SITE}/model/__init__.pyc"), ("removed-file", source)]
