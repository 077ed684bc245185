"""The checks of lockml in environments of their own: ``nox`` runs the linters and the quick tests.

``nox -s tests-3.13 coverage fuzz`` runs those by name, ``nox --list`` shows them all. Pythons that this machine lacks
are skipped.
"""

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", "unit"]
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = False

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
QUICK = ("-m", "unit", "-n", "auto", "-W", "error::ResourceWarning", "-p", "no:cacheprovider")


@nox.session
def lint(session: nox.Session) -> None:
    """Run what CI runs before the tests: ruff, mypy and the import contracts."""
    session.install("-e", ".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports", "--no-cache")


@nox.session
def unit(session: nox.Session) -> None:
    """Run the quick tests; arguments behind ``--`` go to pytest."""
    session.install("-e", ".[dev]")
    session.run("pytest", *QUICK, *session.posargs)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the quick tests on one Python; arguments behind ``--`` go to pytest."""
    session.install("-e", ".[dev]")
    session.run("pytest", *QUICK, *session.posargs)


@nox.session
def bare(session: nox.Session) -> None:
    """Collect the tests in an environment without extras: those that need one are skipped, and none fails."""
    session.install("-e", ".", "pytest>=8", "pytest-xdist>=3.6", "hypothesis>=6.100")
    session.run("pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Run the quick tests with coverage; fails below the floor of pyproject.toml."""
    session.install("-e", ".[dev]")
    session.run("coverage", "run", "-m", "pytest", *QUICK, "-n", "0", *session.posargs)
    session.run("coverage", "report")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation as a site in site/; ``-- --serve`` shows it and follows changes of zensical.toml."""
    session.install("-e", ".[docs]")
    session.run("python", "-m", "tests.documentation", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzz each reader of foreign bytes for six seconds; ``-- 60 wheel`` fuzzes one for a minute."""
    session.install("-e", ".[dev]")
    session.run("python", "-m", "tests.fuzz", *(session.posargs or ["6"]))
