from msgspec.structs import replace
from packaging.utils import canonicalize_name

from lockml.lock.formats.requirements_txt import format_requirements
from lockml.lock.model import ProvidedPackage, ProvidedPackages
from tests.made.indexes import MemoryIndex
from tests.made.locks import lock_of

A, B, C = "a" * 64, "b" * 64, "c" * 64


def test_requirements_have_every_hash_and_say_who_asks() -> None:
    index = MemoryIndex()
    index.add("model", "1.0", ["numpy"], hashes={"sha256": A})
    index.add("numpy", "1.26.4", tag="cp311-cp311-manylinux_2_17_x86_64", hashes={"sha256": C, "md5": "d" * 32})
    index.add("numpy", "1.26.4", tag="cp311-cp311-manylinux_2_28_x86_64", hashes={"sha256": B})
    assert format_requirements(lock_of(index, "numpy", "model")) == (
        "# Locked by lockml from requirements.in for CPython 3.11 on linux/amd64, glibc-2.36.\n"
        "# Do not edit: change the inputs and run `lockml compile` again.\n"
        "model==1.0 \\\n"
        f"    --hash=sha256:{A}\n"
        "    # via -r requirements.in\n"
        "numpy==1.26.4 \\\n"
        f"    --hash=sha256:{B} \\\n"
        f"    --hash=sha256:{C}\n"
        "    # via\n"
        "    #   -r requirements.in\n"
        "    #   model\n"
    )


def test_requirements_name_the_index_that_the_user_named_without_credentials() -> None:
    index = MemoryIndex()
    index.add("a", "1.0")
    text = format_requirements(lock_of(index, "a", index_url="https://user:secret@index.example/simple"))
    assert "--index-url https://index.example/simple\n" in text


def test_strongest_hash_that_pip_checks_is_taken_where_sha256_is_missing() -> None:
    index = MemoryIndex()
    index.add("a", "1.0", hashes={"md5": "d" * 32, "sha384": "e" * 96})
    assert f"--hash=sha384:{'e' * 96}\n" in format_requirements(lock_of(index, "a"))


def test_what_is_left_to_the_base_image_is_counted_without_what_is_installed_over_it() -> None:
    index = MemoryIndex()
    index.add("numpy", "2.1.0")
    packages = tuple(ProvidedPackage(name=canonicalize_name(name), version="1.0") for name in ("numpy", "torch"))
    text = format_requirements(replace(lock_of(index, "numpy"), provided=ProvidedPackages(packages=packages)))
    assert "# Install this with --no-deps: 1 packages that the base image has are not in it.\n" in text
