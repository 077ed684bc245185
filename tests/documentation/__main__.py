"""Build the documentation as a site: python -m tests.documentation writes site/, and --serve shows it."""

import subprocess
import sys
from pathlib import Path

from tests.documentation.stage import ROOT, stage

if __name__ == "__main__":
    stage()
    program = Path(sys.executable).parent / "zensical"
    words = ["serve"] if "--serve" in sys.argv[1:] else ["build", "--clean", "--strict"]
    sys.exit(subprocess.run([program, *words], cwd=ROOT, check=False).returncode)
