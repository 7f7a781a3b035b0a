"""The process in which demonstrations run: lists [body, claims] as JSON on standard input;
a line of JSON [output, error, verdicts] for each on standard output.

Its text is given to an interpreter that need not have polyframe: it imports nothing of it.
"""

import contextlib
import io
import json
import os
import sys
import traceback


def last_line(error: BaseException) -> str:
    """The type and message of an error, on one line."""
    return " ".join(traceback.format_exception_only(type(error), error)[-1].split())


def judged(claim: str, names: dict[str, object]) -> str:
    """ "holds", "fails", or an error."""
    try:
        return "holds" if eval(claim, names) else "fails"  # noqa: S307 - our own text
    except Exception as error:
        return last_line(error)


def main() -> None:
    """Answer all of them. What frameworks print besides goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for body, claims in json.loads(sys.stdin.read()):
        names: dict[str, object] = {"__name__": "__main__"}
        output, failure = io.StringIO(), ""
        verdicts: dict[str, str] = {}
        with contextlib.redirect_stdout(output):
            try:
                exec(body, names)  # noqa: S102 - our own text
            except Exception as error:
                failure = last_line(error)
            else:
                verdicts = {claim: judged(claim, names) for claim in claims}
        answers.write(json.dumps([output.getvalue(), failure, verdicts]) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
