"""How light `import kpilab` is, and what check, score and links cost on the shipped example."""

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "data" / "nhs-scotland"
REPEATS = 9


def seconds_in_new_process(statement: str) -> float:
    """Time one statement in a fresh interpreter, without the start of the interpreter itself."""
    timed = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    return float(
        subprocess.run([sys.executable, "-c", timed], check=True, capture_output=True, text=True).stdout
    )


def seconds(step: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def print_import_time() -> None:
    """Print both imports side by side: taken in turns, so that what else the machine does hits both."""
    pandas_alone, with_kpilab = [], []
    for _ in range(REPEATS):
        pandas_alone.append(seconds_in_new_process("import pandas"))
        with_kpilab.append(seconds_in_new_process("import pandas, kpilab"))
    before, after = statistics.median(pandas_alone), statistics.median(with_kpilab)
    print(f"  import pandas           {before:6.3f} s   (median of {REPEATS})")
    print(f"  import pandas, kpilab   {after:6.3f} s   (kpilab adds {after - before:.3f} s; wanted: < 0.1 s)")


def print_example_time() -> None:
    """Print what reading, checking, scoring and testing the example takes in one process after imports."""
    import kpilab as kl

    verbs = (kl.check, kl.roll_up, kl.fit_links)
    cascade = kl.read_cascade(EXAMPLE)
    read = seconds(lambda: kl.read_history(cascade))
    history = kl.read_history(cascade)
    taken = {verb.__name__: seconds(lambda verb=verb: verb(cascade, history)) for verb in verbs}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  read_history            {read:6.2f} s")
    for name, each in taken.items():
        print(f"  {name:<23} {each:6.2f} s")
    print(f"  check + score + links   {sum(taken.values()):6.2f} s   (wanted: under 5 s)")
    print(f"  peak memory             {peak:6.0f} MB  (wanted: under 500 MB)")


def main() -> None:
    """Print both measurements."""
    print_import_time()
    print_example_time()


if __name__ == "__main__":
    main()
