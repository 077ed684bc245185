"""The classic cases of pip-compile, each with a small made index: those where lockml does the same, and the others."""

from dataclasses import dataclass

from tests.parity.tools import Case, Release

__all__ = ["ALL", "CASES", "DIFFERENCES", "FAILING"]

STACK: dict[str, list[str]] = {
    "app 1.0": ["lib"],
    "app 2.0": ["lib"],
    "lib 1.0": [],
    "lib 1.1": [],
    "lib 2.0": [],
    "tool 1.0": [],
    "tool 2.0": [],
}
OLD_PINS = "app==1.0\nlib==1.0\ntool==1.0\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A *case* of which lockml means to make something else: *ours*, with the *reason*.

    Where pip-compile fails, its message names the *subject*.
    """

    case: Case
    ours: str
    reason: str
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A *case* that nothing fits: lockml's exit *code*, and the *subject* that both messages name."""

    case: Case
    code: int
    subject: str


def bare(names: str, versions: str) -> dict[str, list[str]]:
    """Return releases that need nothing: each of *versions* of each of *names*."""
    return {f"{name} {version}": [] for name in names.split() for version in versions.split()}


CASES = {
    "upgraded-to-a-version": Case(
        releases=STACK,
        earlier=OLD_PINS,
        asked="app\ntool\n",
        options=("--upgrade-package", "lib<2"),
        pins="app==1.0 lib==1.1 tool==1.0",
    ),
    "yanked-local-version": Case(
        releases={"app 2.0": [], "app 2.0+cpu": Release(yanked=True)}, asked="app==2.0\n", pins="app==2.0"
    ),
    "chain": Case(
        releases={
            "app 1.0": ["lib>=1", "left"],
            "lib 1.0": ["base"],
            "lib 2.0": ["base<2"],
            "base 1.5": [],
            "base 2.0": [],
            "left 1.0": ["right"],
            "right 1.0": ["left"],
        },
        asked="app\n",
        pins="app==1.0 base==1.5 left==1.0 lib==2.0 right==1.0",
    ),
    "several-files": Case(
        releases=STACK,
        asked="app\nlib\nlib>=1\n",
        beside={"dev.in": "tool\nlib<2\n"},
        named=("requirements.in", "dev.in"),
        pins="app==2.0 lib==1.1 tool==2.0",
    ),
    "included-files": Case(
        releases=STACK,
        asked="# what we run\n-r parts/base.in\n-r parts/more.in\napp \\\n  <2  # for now\n",
        beside={"parts/base.in": "-r more.in\nlib  <  2\n", "parts/more.in": "tool\n"},
        pins="app==1.0 lib==1.1 tool==2.0",
    ),
    "constraints": Case(
        releases={**STACK, **bare("unasked", "1.0"), "app 2.0": ["lib>=2"]},
        asked="-c limits/all.txt\napp\ntool\n",
        beside={"limits/all.txt": "lib<2\nunasked==1.0\nlib<1 ; python_version < '3'\n", "more.txt": "tool<2\n"},
        options=("--constraint", "more.txt"),
        pins="app==1.0 lib==1.1 tool==1.0",
    ),
    "extras": Case(
        releases={
            "one 1.0": ["core", "fast ; extra == 'fast'", "slow ; extra == 'slow'"],
            "two 1.0": ["red ; extra == 'red'", "green ; extra == 'green'", "blue ; extra == 'blue'"],
            "nest 1.0": ["nest[inner] ; extra == 'outer'", "egg ; extra == 'inner'"],
            "fast 1.0": ["deep[more]"],
            "deep 1.0": ["bottom ; extra == 'more'"],
            "late 1.0": ["two[blue]"],
            **bare("core slow red green blue egg bottom", "1.0"),
        },
        asked="one[fast]\ntwo[red]\nnest[outer]\nlate\n",
        beside={"dev.in": "two[green]\n"},
        named=("requirements.in", "dev.in"),
        pins="blue==1.0 bottom==1.0 core==1.0 deep==1.0 egg==1.0 fast==1.0 green==1.0 late==1.0 nest==1.0 one==1.0 "
        "red==1.0 two==1.0",
    ),
    "markers": Case(
        releases={
            **STACK,
            "new 1.0": ["lib<2 ; python_version >= '3.8'", "tool ; sys_platform == 'win32'"],
            "opt 1.0": [
                "yes ; extra == 'x' and python_version >= '3'",
                "no ; extra == 'x' and python_version < '3'",
                "windows ; sys_platform == 'win32' and extra == 'x'",
                "either ; extra == 'y' or python_version >= '3'",
                "plain ; extra != 'x'",
                "old ; extra == 'z'",
            ],
            **bare("here elsewhere yes no windows either plain old", "1.0"),
        },
        asked="new\nhere ; python_version >= '3.8'\nelsewhere ; python_version < '3.8'\n"
        "lib<1.1 ; python_version < '3'\n"
        "opt[x] ; python_version >= '3'\nopt[z] ; python_version < '3'\n",
        pins="either==1.0 here==1.0 lib==1.1 new==1.0 opt==1.0 plain==1.0 yes==1.0",
    ),
    "names": Case(
        releases={
            "Foo.Bar 1.0": ["Some_Lib>=1", "setuptools", "pip", "wheel"],
            **bare("some-lib", "1.0 2.0"),
            **bare("setuptools pip wheel", "1.0"),
        },
        asked="foo_bar\nSOME.lib<2\n",
        pins="foo-bar==1.0 pip==1.0 setuptools==1.0 some-lib==1.0 wheel==1.0",
    ),
    "pre-releases-everywhere": Case(
        releases={
            "app 1.0": ["lib"],
            "app 2.0rc1": ["lib"],
            **bare("lib", "1.0 1.1.dev1"),
            **bare("cut", "1.0 2.0rc1"),
        },
        asked="app\ncut<2\n",
        options=("--pre",),
        pins="app==2.0rc1 cut==1.0 lib==1.1.dev1",
    ),
    "pre-releases-that-a-line-names": Case(
        releases={
            "app 1.0": ["lib"],
            "app 2.0rc1": ["lib"],
            **bare("lib pinned", "1.0 2.0b1"),
            **bare("never", "1.0a1 1.0a2"),
        },
        asked="app>=1.5rc0\npinned==2.0b1\nnever\n",
        pins="app==2.0rc1 lib==1.0 never==1.0a2 pinned==2.0b1",
    ),
    "operators": Case(
        releases=bare("exact same zeros near wide not-this not-those wild over", "1.0 1.1 1.1.1 2.0"),
        asked="exact==1.1\nsame===1.1\nzeros==1.1.0\nnear~=1.1.0\nwide~=1.0\nnot-this!=2.0\nnot-those!=1.1.*,<2\n"
        "wild==1.*\nover>1.0,<=1.1\n",
        pins="exact==1.1 near==1.1.1 not-this==1.1.1 not-those==1.0 over==1.1 same==1.1 wide==1.1.1 wild==1.1.1 "
        "zeros==1.1",
    ),
    "post-and-local-versions": Case(
        releases={
            **bare("plain upto below wild near", "1.0 1.0.post1 1.1"),
            **bare("any-build cpu newest-build", "0.9 1.0 1.0+cpu 1.0+cu121"),
            **bare("epoch old-epoch", "1.0 1!0.5"),
        },
        asked="plain==1.0\nupto<=1.0\nbelow>=1.0,<1.1\nwild==1.0.*\nnear~=1.0.0\n"
        "any-build==1.0\ncpu==1.0+cpu\nnewest-build\nepoch\nold-epoch==1.0\n",
        pins="any-build==1.0+cu121 below==1.0.post1 cpu==1.0+cpu epoch==1!0.5 near==1.0.post1 newest-build==1.0+cu121 "
        "old-epoch==1.0 plain==1.0 upto==1.0 wild==1.0.post1",
    ),
    "newest-top-level-given-up": Case(
        releases={
            "app 3.0": ["mid>=3"],
            "app 2.0": ["mid>=2"],
            "app 1.0": ["mid"],
            "mid 3.0": ["lib>=3"],
            "mid 2.0": ["lib>=2"],
            "mid 1.0": ["lib"],
            "tool 1.0": ["lib<2"],
            **bare("lib", "1.0 2.0 3.0"),
        },
        asked="app\ntool\n",
        pins="app==1.0 lib==1.0 mid==1.0 tool==1.0",
    ),
    "pyproject": Case(
        releases=STACK,
        asked="lib>1\n",
        beside={
            "pyproject.toml": "[project]\nname = 'Our_Model'\nversion = '1'\ndependencies = ['app']\n"
            "[project.optional-dependencies]\nold = ['lib<2']\ndev = ['tool']\n"
        },
        named=("pyproject.toml", "requirements.in"),
        options=("--extra", "old"),
        pins="app==2.0 lib==1.1",
    ),
    "releases-that-cannot-be-taken": Case(
        releases={
            "app 1.0": ["lib"],
            "lib 1.0": [],
            "lib 2.0": Release(requires_python=">=99"),
            "lib 3.0": Release(requires_python="<3"),
            "yanked 1.0": [],
            "yanked 2.0": Release(yanked=True),
            "pinned 1.0": [],
            "pinned 2.0": Release(yanked=True),
        },
        asked="app\nyanked\npinned==2.0\n",
        pins="app==1.0 lib==1.0 pinned==2.0 yanked==1.0",
    ),
    "several-files-of-a-release": Case(
        releases={
            "app 1.0": Release(["lib"], files=("py3-none-any", "cp27-cp27m-win_amd64", "sdist")),
            "lib 1.0": Release(files=("py3-none-any", "py2.py3-none-any")),
            "lib 2.0": Release(files=("cp27-cp27m-win_amd64",)),
        },
        asked="app\n",
        pins="app==1.0 lib==1.0",
    ),
    "pins-kept": Case(
        releases=STACK,
        earlier=OLD_PINS,
        asked="app\nlib!=1.1\n",
        pins="app==1.0 lib==1.0",
    ),
    "all-upgraded": Case(
        releases=STACK,
        earlier=OLD_PINS,
        asked="app\ntool\n",
        options=("--upgrade",),
        pins="app==2.0 lib==2.0 tool==2.0",
    ),
    "packages-upgraded": Case(
        releases={**STACK, **bare("other", "1.0 2.0")},
        earlier=OLD_PINS + "other==1.0\n",
        asked="app\ntool\nother\n",
        options=("--upgrade-package", "LIB", "--upgrade-package", "other"),
        pins="app==1.0 lib==2.0 other==2.0 tool==1.0",
    ),
    "pins-that-no-longer-fit": Case(
        releases={**STACK, "app 2.0": ["lib>=2"], **bare("other", "1.0 1.1 2.0")},
        earlier=OLD_PINS + "other==1.0\n",
        asked="app>1\ntool\nother>1,<2\n",
        pins="app==2.0 lib==2.0 other==1.1 tool==1.0",
    ),
}


DIFFERENCES = {
    "order-of-lines": Difference(
        case=Case(
            releases={
                "app 1.0": ["lib<2"],
                "app 2.0": ["lib>=2"],
                "tool 1.0": ["lib>=2"],
                "tool 2.0": ["lib<2"],
                **bare("lib", "1.0 2.0"),
            },
            asked="tool\napp\n",
            pins="app==1.0 lib==1.0 tool==2.0",
        ),
        ours="app==2.0 lib==2.0 tool==1.0",
        reason="requirements are sorted before the search, so their order in the files decides nothing",
    ),
    "extra-index": Difference(
        case=Case(releases=bare("app", "1.0 2.0"), private=bare("app", "1.0"), asked="app\n", pins="app==2.0"),
        ours="app==1.0",
        reason="extra indexes are asked first, and the first that has a project is the only one asked for it",
    ),
    "stable-releases-where-a-line-names-a-pre-release": Difference(
        case=Case(
            releases={"app 1.0": ["both<2"], **bare("both", "1.0 1.5rc1 2.0")},
            asked="app\nboth>=0.9a0\n",
            pins="app==1.0 both==1.5rc1",
        ),
        ours="app==1.0 both==1.0",
        reason="a stable release that fits is preferred to any pre-release",
    ),
    "releases-that-only-a-package-names": Difference(
        case=Case(
            releases={
                "app 1.0": ["lib"],
                "app 2.0": ["lib==2.0"],
                "lib 1.0": [],
                "lib 2.0": Release(yanked=True),
                "tool 1.0": ["early"],
                "tool 2.0": ["early>=2.0rc1"],
                **bare("early", "1.0 2.0rc1"),
            },
            asked="app\ntool\n",
            pins="app==2.0 early==2.0rc1 lib==2.0 tool==2.0",
        ),
        ours="app==1.0 early==2.0rc1 lib==1.0 tool==2.0",
        reason="a yanked release needs the user's own exact pin",
    ),
    "pins-of-what-nobody-asks-for-any-more": Difference(
        case=Case(
            releases={**bare("early", "1.0 2.0rc1"), "yanked 1.0": [], "yanked 2.0": Release(yanked=True)},
            earlier="early==2.0rc1\nyanked==2.0\n",
            asked="early\nyanked\n",
            pins="early==2.0rc1 yanked==2.0",
        ),
        ours="early==2.0rc1 yanked==1.0",
        reason="yanked releases come in by the user's own line, not by an old pin of it",
    ),
    "upgrade-that-needs-another": Difference(
        case=Case(
            releases={**STACK, "app 2.0": ["lib>=2"]},
            earlier=OLD_PINS,
            asked="app\ntool\n",
            options=("--upgrade-package", "app"),
            pins="app==1.0 lib==1.0 tool==1.0",
        ),
        ours="app==2.0 lib==2.0 tool==1.0",
        reason="the project is chosen anew before old pins of others are kept; they are where they still fit",
    ),
    "pin-in-the-way-of-a-new-line": Difference(
        case=Case(
            releases={
                "app 1.0": ["clashing<2"],
                "app 2.0": ["clashing>=2"],
                "new 1.0": ["clashing>=2"],
                **bare("clashing", "1.0 2.0"),
            },
            earlier="app==1.0\nclashing==1.0\n",
            asked="app\nnew\n",
            pins="",
        ),
        ours="app==2.0 clashing==2.0 new==1.0",
        reason="pins of the lock are kept where they fit, and given up where nothing fits with them",
        subject="clashing",
    ),
}

FAILING = {
    "clash-of-packages": Failure(
        case=Case(
            releases={"app 1.0": ["clashing<2"], "tool 1.0": ["clashing>=2"], **bare("clashing", "1.0 2.0")},
            asked="app\ntool\n",
            pins="",
        ),
        code=3,
        subject="clashing",
    ),
    "unknown-project": Failure(
        case=Case(releases=bare("app", "1.0"), asked="app\nunheard-of\n", pins=""), code=2, subject="unheard-of"
    ),
}

ALL = {
    **CASES,
    **{name: difference.case for name, difference in DIFFERENCES.items()},
    **{name: failure.case for name, failure in FAILING.items()},
    "no-lines": Case(releases={}, asked="# nothing yet\n", pins=""),
}
