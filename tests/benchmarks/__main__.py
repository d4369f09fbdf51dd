"""Run every bench_*.py of this folder, each in a process of its own so that none warms another up."""

import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Print all measurements; the number of benchmarks that failed is the exit code."""
    failed = 0
    for module in sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py")):
        print(f"\n{module}", flush=True)
        command = f"from tests.benchmarks.{module} import main; main()"
        failed += subprocess.run([sys.executable, "-c", command], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
