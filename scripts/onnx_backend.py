"""Runs ONNX's backend tests, all or `--only` those of a name, and writes the record and the page.

With `--tvm` plain TVM runs them as well; without, its results stay those of the record.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import onnx_backend as backend  # noqa: E402 - found by the line above

PAGE = ROOT / "docs" / "onnx_backend.md"


def main() -> None:
    """Run, record, and print what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a part of the cases' names")
    parser.add_argument("--tvm", action="store_true", help="run plain TVM as well")
    options = parser.parse_args()
    cases = {n: c for n, c in backend.load_cases().items() if options.only in n}
    record = backend.recorded() if backend.RECORD.exists() else {}

    def tell(name: str, outcome: backend.Outcome) -> None:
        if outcome.result in ("wrong", "traceback"):
            print(f"{outcome.result} {name}: {outcome.reason}", flush=True)

    outcomes = backend.run_ours(list(cases.values()), tell)
    plain = backend.run_cases(cases.values(), backend.plain_tvm) if options.tvm else {}
    for name, outcome in outcomes.items():
        case = cases[name.removesuffix(backend.CONSTANTS)]
        before = record.get(name, ("", "", "not run"))[2]
        theirs = plain[name].result if name in plain else before
        category = "with constants" if name.endswith(backend.CONSTANTS) else case.category
        record[name] = (category, outcome.result, theirs)
    backend.write_record(record)
    PAGE.write_text(backend.page(record))


if __name__ == "__main__":
    main()
