"""Manipulations of what decides the owner of a file: RECORDs, lists of other tools, entry points, scripts."""

import json
from pathlib import Path

from benchmarks.truth.victim import EVIL, Victim

__all__ = ["HARMFUL", "HARMLESS"]

_CONTENT = EVIL.encode()


def mend_record(victim: Victim) -> str:
    record, path = victim.owned()
    victim.append(path)
    victim.fix_row(record, path)
    return victim.brief(path)


def row_by_detour(victim: Victim) -> str:
    """Name a new file in a locked RECORD, with or without a hash, by a way that needs normalising."""
    record = victim.record()
    name, own = "zz_added.pth", record.parent.name
    (victim.site / name).write_text(EVIL)
    ways = (
        f"../../../bin/../lib/python3.11/site-packages/{name}",
        f"{own}/../{name}",
        f".//{name}",
        f"./{name}",
        f"{own}//..//{name}",
        f"{own}\\..\\{name}",
        str(victim.site / name),
        name,
    )
    way = victim.random.choice(ways)
    victim.add_row(record, way, _CONTENT if victim.random.random() < 0.5 else None)
    return f"{own}: {way}"


def second_row_by_detour(victim: Victim) -> str:
    """Edit a file, and add a second row to its own RECORD that fits it."""
    record, path = victim.owned()
    victim.append(path)
    inside = path.relative_to(victim.site)
    ways = (
        f"../../../bin/../lib/python3.11/site-packages/{inside}",
        f"./{inside}",
        f"{record.parent.name}/../{inside}",
    )
    way = victim.random.choice(ways)
    victim.add_row(record, way, path.read_bytes())
    return way


def row_of_another(victim: Victim) -> str | None:
    """Let the RECORD of a project that is not locked speak for a file."""
    records = [record for name in ("pip", "setuptools") if (record := victim.record_of(name))]
    if not records:
        return None
    record = victim.random.choice(records)
    path = _edited_or_new(victim)
    victim.add_row(record, str(path.relative_to(victim.site)), path.read_bytes())
    return f"{record.parent.name}: {victim.brief(path)}"


def made_up_tool(victim: Victim) -> str:
    """Invent a distribution called wheel, which would not count."""
    folder = victim.site / "wheel-9.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: wheel\nVersion: 9\n")
    record = folder / "RECORD"
    record.write_text("wheel-9.dist-info/METADATA,,\nwheel-9.dist-info/RECORD,,\n")
    path = _edited_or_new(victim)
    victim.add_row(record, str(path.relative_to(victim.site)), path.read_bytes())
    return victim.brief(path)


def installed_files(victim: Victim) -> str:
    """Let the list of an egg-info, which has no hashes, speak for a file."""
    folder = victim.site / f"{victim.random.choice(('wheel', 'other'))}-0.40.egg-info"
    folder.mkdir()
    (folder / "PKG-INFO").write_text(f"Metadata-Version: 1.0\nName: {folder.name.partition('-')[0]}\nVersion: 0.40\n")
    path = _edited_or_new(victim)
    (folder / "installed-files.txt").write_text(f"../{path.relative_to(victim.site)}\nPKG-INFO\ninstalled-files.txt\n")
    return victim.brief(path)


def conda_list(victim: Victim) -> str:
    folder = victim.prefix / "conda-meta"
    folder.mkdir()
    path = _edited_or_new(victim)
    files = [victim.brief(path)]
    files += [victim.brief(each) for record in victim.records() for each in record.parent.iterdir()]
    package = {"name": "tool", "version": "1", "build": "0", "files": files}
    (folder / "tool-1-0.json").write_text(json.dumps(package))
    (folder / "history").write_text("")
    return victim.brief(path)


def _edited_or_new(victim: Victim) -> Path:
    if victim.random.random() < 0.5:
        path = victim.site / "zz_added.pth"
        path.write_text(EVIL)
    else:
        _, path = victim.owned()
        victim.append(path)
    return path


def entry_points(victim: Victim) -> str:
    """Name a plugin in entry_points.txt: without a row, with one that fits, or with one that has no hash."""
    record = victim.record()
    path = record.parent / "entry_points.txt"
    there = path.exists()
    path.write_text((path.read_text() if there else "") + "\n[pytest11]\nadded = added_module\n")
    way = victim.random.choice(("nothing", "hash", "no hash"))
    if way == "hash" and there:
        victim.fix_row(record, path)
    elif way != "nothing" and not there:
        victim.add_row(record, f"{record.parent.name}/entry_points.txt", path.read_bytes() if way == "hash" else None)
    return f"{victim.brief(path)}, {way}"


def other_algorithm(victim: Victim) -> str:
    record, path = victim.owned()
    victim.append(path)
    algorithm = victim.random.choice(("blake2b", "blake2s", "sha3_256", "sha3_512", "sha512", "sha384"))
    victim.fix_row(record, path, algorithm)
    if victim.random.random() < 0.5:
        victim.append(path)
        return f"{victim.brief(path)}, {algorithm} that does not fit"
    return f"{victim.brief(path)}, {algorithm} that fits"


def hash_removed(victim: Victim) -> str:
    record, path = victim.owned()
    victim.append(path)
    rows = victim.rows(record)
    for row in rows:
        if row[0] == str(path.relative_to(victim.site)):
            row[1:] = victim.random.choice((["", ""], ["sha256=", ""], ["sha256", ""], ["none=x", "1"]))
    victim.write_rows(record, rows)
    return victim.brief(path)


def script_body(victim: Victim) -> str:
    record, path = victim.script()
    path.write_text(path.read_text().replace("import sys\n", f"import sys\n{EVIL}", 1) + EVIL)
    victim.fix_row(record, path)
    return victim.brief(path)


def script_first_line(victim: Victim) -> str:
    """Let a script start a program that is there, and is not the environment's Python."""
    record, path = victim.script()
    program = victim.prefix / "share" / "python"
    program.parent.mkdir(exist_ok=True)
    program.write_text("#!/bin/sh\necho changed\n")
    program.chmod(0o755)
    path.write_text(f"#!{program}\n{path.read_text().partition(chr(10))[2]}")
    victim.fix_row(record, path)
    return victim.brief(path)


def row_removed(victim: Victim) -> str:
    """Let a RECORD forget a file."""
    record, path = victim.owned()
    rows = [row for row in victim.rows(record) if row[0] != str(path.relative_to(victim.site))]
    victim.write_rows(record, rows)
    return victim.brief(path)


def record_deleted(victim: Victim) -> str:
    record = victim.record()
    record.unlink()
    return victim.brief(record)


def other_version(victim: Victim) -> str:
    record = victim.record()
    path = record.parent / "METADATA"
    text = path.read_text().splitlines(keepends=True)
    path.write_text("".join("Version: 0.0.1\n" if line.startswith("Version:") else line for line in text))
    victim.fix_row(record, path)
    return victim.brief(path)


def copy_of_metadata(victim: Victim) -> str:
    """Add a second dist-info of another version."""
    record = victim.record()
    name = record.parent.name.partition("-")[0]
    folder = victim.site / f"{name}-0.0.1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.0.1\n")
    (folder / "RECORD").write_text(f"{folder.name}/METADATA,,\n{folder.name}/RECORD,,\n")
    return victim.brief(folder)


def rows_in_another_order(victim: Victim) -> str:
    """Let RECORD say the same in another order."""
    record = victim.record()
    rows = victim.rows(record)
    victim.random.shuffle(rows)
    victim.write_rows(record, rows)
    return victim.brief(record)


def requested_mark(victim: Victim) -> str:
    """Add the mark of an installer, as pip writes it."""
    record = victim.record()
    path = record.parent / "REQUESTED"
    if not path.exists():
        path.write_text("")
        victim.add_row(record, f"{record.parent.name}/REQUESTED", b"")
    return victim.brief(path)


HARMFUL = {
    "mend-record": mend_record,
    "row-by-detour": row_by_detour,
    "second-row-by-detour": second_row_by_detour,
    "row-of-another": row_of_another,
    "made-up-tool": made_up_tool,
    "installed-files": installed_files,
    "conda-list": conda_list,
    "entry-points": entry_points,
    "other-algorithm": other_algorithm,
    "hash-removed": hash_removed,
    "script-body": script_body,
    "script-first-line": script_first_line,
    "row-removed": row_removed,
    "record-deleted": record_deleted,
    "other-version": other_version,
    "copy-of-metadata": copy_of_metadata,
}
HARMLESS = {
    "rows-in-another-order": rows_in_another_order,
    "requested-mark": requested_mark,
}
