"""Write ``activations.txt``: digests of the activation scripts of the environments that are named as arguments.

    python -m tests.inventory.write_activations ENVIRONMENT...

What is in the table already stays. Make environments with the releases of venv, virtualenv and uv that are to be known.
"""

import sys
from pathlib import Path

from lockml.inventory.integrity import activation
from lockml.inventory.integrity.activation import ACTIVATION, normal_digest

TABLE = Path(activation.__file__).with_name("activations.txt")


def digests_of(environment: Path) -> set[str]:
    """Return the digests of the scripts in the ``bin`` of *environment*, which is called as its folder."""
    scripts = [each for each in (environment / "bin").iterdir() if ACTIVATION.fullmatch(each.name)]
    prompts = [environment.name]
    return {normal_digest(each.name, each.read_bytes(), [str(environment)], prompts) for each in scripts}


def main() -> None:
    """Add what the arguments name to the table."""
    known = set(TABLE.read_text("ascii").split()) if TABLE.exists() else set[str]()
    known |= {digest for name in sys.argv[1:] for digest in digests_of(Path(name).resolve())}
    TABLE.write_text("".join(f"{digest}\n" for digest in sorted(known)), "ascii")


if __name__ == "__main__":
    main()
