"""What `--fix` leaves alone, as another image would be built of it."""

import pytest

from lockml.docker.analysis import Context
from tests.docker.projects import BASE, fixed, project

INSTALL = "RUN pip install --no-cache-dir --require-hashes -r requirements.txt"


def order_of(before: str, install: str = INSTALL, more: dict[str, bytes] | None = None) -> str:
    """Return the fixed text of a Dockerfile that copies the code to /app, behind *before*, and installs."""
    text = f"FROM {BASE}\n{before}WORKDIR /app\nCOPY . .\n{install}\n"
    there = project(more=more)
    made = fixed(text, Context(read=there.read, ignores=there.ignores, ignore_source=there.ignore_source)).source.text
    return "moved" if made.endswith("COPY . .\n") else "left" if made == text else made


@pytest.mark.parametrize(
    "before",
    [
        "",
        "ENV PYTHONPATH=/app\n",
        "ENV PATH=/app/bin:$PATH\n",
        "ENV PIP_INDEX_URL=https://pypi.example/simple PIP_CERT=/etc/ssl/own.pem\n",
    ],
)
def test_installation_that_reads_requirements_alone_comes_first(before: str) -> None:
    assert order_of(before) == "moved"


@pytest.mark.parametrize(
    ("before", "install", "more"),
    [
        ("", f"{INSTALL} --no-index --find-links wheels", {}),
        ("", f"{INSTALL} --cert=certs/own.pem", {}),
        ("ENV PIP_FIND_LINKS='https://x.example/ /app/wheels'\n", INSTALL, {}),
        ("ENV PIP_CONFIG_FILE=/app/pip.conf\n", INSTALL, {}),
        ("ENV PIP_CONSTRAINT=constraints.txt\n", INSTALL, {}),
        ("ENV SSL_CERT_FILE=/app/own.pem\n", INSTALL, {}),
        ("ENV PATH=/app/bin:$PATH\n", INSTALL, {"bin/pip": b"#!/bin/sh"}),
        ("", INSTALL.replace("pip", "./tools/pip", 1), {}),
        ("", INSTALL.replace("pip", "uv pip", 1).replace("-dir", ""), {"pyproject.toml": b"[tool.uv]"}),
    ],
)
def test_installation_that_reads_more_of_the_code_stays_behind_it(
    before: str, install: str, more: dict[str, bytes]
) -> None:
    assert order_of(before, install, more) == "left"


@pytest.mark.parametrize(
    ("stated", "project_named", "added"),
    [
        ('dependencies = ["numpy>=1.20"]', ".", True),
        ('optional-dependencies = {ml = ["scikit-learn"]}', ".[ml]", True),
        ('dependencies = ["numpy", "flask"]', ".", False),
        ('optional-dependencies = {web = ["flask"]}', ".[web]", False),
        ('dynamic = ["dependencies"]', ".", False),
        (None, ".", False),
        ('dependencies = ["numpy"]', "./vendored", False),
    ],
)
def test_project_is_installed_without_its_needs_only_where_the_lock_has_them(
    stated: str | None, project_named: str, added: bool
) -> None:
    text = (
        f"FROM {BASE}\nCOPY requirements.txt .\n{INSTALL}\nCOPY . .\nRUN pip install --no-cache-dir {project_named}\n"
    )
    more = {"pyproject.toml": f"[project]\nname = 'own'\n{stated}\n".encode()} if stated is not None else {}
    made = fixed(text, project(more=more)).source.text
    assert made == (text.replace("install --no-cache-dir .", "install --no-deps --no-cache-dir .") if added else text)


@pytest.mark.parametrize(
    ("between", "run", "removed"),
    [
        ("", "pip install --no-cache-dir numpy", True),
        ("ENV A=b\n", "pip3 install --no-cache-dir numpy", True),
        ("", "/opt/other/bin/pip install --no-cache-dir numpy", False),
        ("", ". /opt/other/bin/activate && pip install --no-cache-dir numpy", False),
        ("ENV PATH=/opt/other/bin:$PATH\n", "pip install --no-cache-dir numpy", False),
        ("ENV PIP_TARGET=/opt/other\n", "pip install --no-cache-dir numpy", False),
        ('SHELL ["conda", "run", "-n", "other", "sh", "-c"]\n', "pip install --no-cache-dir numpy", False),
        ("", "uv pip install --no-cache numpy", False),
    ],
)
def test_locked_package_is_left_out_only_of_the_environment_that_has_it(between: str, run: str, removed: bool) -> None:
    text = f"FROM {BASE}\nCOPY requirements.txt .\n{INSTALL}\n{between}RUN {run}\n"
    made = fixed(text, project()).source.text
    assert made == (text.replace(f"RUN {run}\n", "") if removed else text)
