from lockml.requirements.model import RequirementSet
from lockml.requirements.read import InputFiles, read_input_files


def read(files: dict[str, str], **parts: tuple[str, ...]) -> RequirementSet:
    named = InputFiles(files=tuple(files), **parts)
    return read_input_files(named, read=lambda name: files[name].encode(), environment={})


def test_marker_of_what_no_target_says_is_noted() -> None:
    asked = read({"a.in": "six ; platform_release >= '5'\nnumpy ; sys_platform == 'linux'\n"})
    assert asked.notes == ("a.in:1: its marker asks for platform_release, which no target says: it counts as empty",)


def test_pythons_and_overrides_of_all_files_count_together() -> None:
    project = '[project]\nname = "a"\nrequires-python = ">=3.9"\n[tool.uv]\noverride-dependencies = ["six==1.0"]\n'
    script = '# /// script\n# requires-python = ">=3.10"\n# dependencies = []\n# ///\n'
    asked = read({"pyproject.toml": project, "s.py": script})
    assert [str(bound.origin) for bound in asked.pythons] == ["pyproject.toml:3", "s.py:2"]
    assert [str(each) for each in asked.overrides] == ["six==1.0"]
