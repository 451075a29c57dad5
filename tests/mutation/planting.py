"""`python -P tests/mutation/planting.py run ...`: mutmut, quicker where it asks mypy.

mutmut parses each file with all its faults again to learn which fault a line belongs to, which takes longer than mypy
itself. It knew when it wrote them: the index is beside each file.

Run by its path: as a part of the package `tests` it would bring in the tests from here, not from mutmut's copy.
"""

from bisect import bisect
from itertools import groupby
from pathlib import Path

from mutmut import __main__ as mutmut
from mutmut.configuration import Config
from mutmut.mutation.data import MutantLineSpans
from mutmut.mutation.file_mutation import FailedTypeCheckMutant, MutatedMethodLocation
from mutmut.type_checking import run_type_checker
from mutmut.utils.file_utils import change_cwd
from mutmut.utils.format_utils import get_mutant_name

_ORIGINAL = "__mutmut_orig"


def mistyped() -> dict[str, FailedTypeCheckMutant]:
    """The faults that mypy refuses, by name. Raises LookupError when it refuses a line that is in no fault."""
    folder = Path("mutants").absolute()
    with change_cwd(folder):
        errors = run_type_checker(Config.get().type_check_command)
    found: dict[str, FailedTypeCheckMutant] = {}
    for path, of_file in groupby(sorted(errors, key=lambda error: error.file_path), key=lambda error: error.file_path):
        source = path.relative_to(folder)
        index = MutantLineSpans.load(source)
        known = index.span_by_function_name if index else {}
        spans = sorted((span.start, span.end, name) for name, span in known.items())
        for error in of_file:
            before = bisect(spans, error.line_number, key=lambda span: span[0])
            start, end, function = spans[before - 1] if before else (0, 0, "")
            if not start <= error.line_number <= end or function.endswith(_ORIGINAL):
                raise LookupError(f"{source}:{error.line_number}: {error.error_description}")
            where = MutatedMethodLocation(path, function, start, end)
            name = get_mutant_name(source, function)
            found[name] = FailedTypeCheckMutant(where, name, error)
    return found


if __name__ == "__main__":
    mutmut.filter_mutants_with_type_checker = mistyped
    mutmut.cli()
