"""`python -m tests.mutation`: try every fault, print the scores and the survivors."""

import argparse
import shutil
import sys

from tests.mutation import functions, measured, report, tables


def main() -> int:
    """0: every fault was tried, and every module reaches the goal."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", help="only these, such as services.funding.refunds (all)")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once (2)")
    parser.add_argument("--fresh", action="store_true", help="forget all earlier results")
    parser.add_argument("--report", action="store_true", help="try nothing: only what was found so far")
    parser.add_argument("--write", action="store_true", help=f"write {report.PAGE} too")
    asked = parser.parse_args()
    if unknown := sorted({*asked.modules} - {*functions.modules(), *tables.modules()}):
        parser.error(f"no faults are planted in {', '.join(unknown)}")
    if asked.fresh:
        shutil.rmtree(functions.FOLDER, ignore_errors=True)
    commit = measured.commit()  # the run takes long: what is committed meanwhile is not what it tries
    try:
        if not asked.report:
            functions.run(asked.jobs, asked.modules)
            tables.run(asked.jobs, asked.modules)
    except functions.NotRunError as error:
        print(f"\nmutate: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nmutate: stopped")  # what was found so far is kept, and shown
    mutants = [*functions.results(), *tables.results()]
    shown = [mutant for mutant in mutants if not asked.modules or mutant.module in asked.modules]
    print("\n" + "\n".join(report.table(shown)) + "\n")
    print("\n".join(report.survivors(shown, report.reasons())))
    if asked.write:
        modules = [*functions.modules(), *tables.modules()]  # asked now: the run has found which have no faults
        known = measured.with_run(measured.load(), [] if asked.report else shown, commit)
        known = {module: of for module, of in known.items() if module in modules}
        measured.save(known)
        report.PAGE.write_text(report.page(known, modules, report.reasons()), encoding="utf-8")
    complaints = list(report.complaints(shown, asked.modules))
    print("".join(f"mutate: {complaint}\n" for complaint in complaints), end="", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
