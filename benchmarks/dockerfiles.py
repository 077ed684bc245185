"""Lint a folder of Dockerfiles of public projects, and print the table of benchmarks/dockerfiles.md.

    python -m benchmarks.dockerfiles FOLDER

FOLDER holds OWNER/REPOSITORY/PATH; the files are others' and are not kept here. Verdicts that the table has already are
kept by file, line and rule; what is new is marked `?`, for a person to judge: `right`, or `wrong` and why.
"""

import re
import sys
from pathlib import Path

from lockml.docker.analysis import Context
from lockml.docker.dockerfile.source import decode
from lockml.docker.lint import Settings, lint_dockerfile

TABLE = Path(__file__).with_suffix(".md")
ROW = re.compile(r"^\| (\S+) \| (\d+) \| (LK\d+) \| (.+) \|$", re.MULTILINE)


def main(folder: Path) -> None:
    verdicts = {(file, int(line), code): verdict for file, line, code, verdict in ROW.findall(TABLE.read_text())}
    rows: list[tuple[str, int, str]] = []
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        source = decode(path.read_bytes(), path.relative_to(folder).as_posix())
        for finding in lint_dockerfile(source, Context(), Settings()):
            rows.append((source.name, source.position(finding.start).line, finding.code))
    judged = [(*row, verdicts.get(row, "?")) for row in dict.fromkeys(rows)]
    right = sum(verdict == "right" for *_, verdict in judged)
    faults = sum(code == "LK900" for *_, code in rows)
    print(f"{len(files)} files, {len(judged)} findings, {right} right, {faults} not parsed\n")
    print("| file | line | rule | verdict |\n|---|---|---|---|")
    for file, line, code, verdict in judged:
        print(f"| {file} | {line} | {code} | {verdict} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
