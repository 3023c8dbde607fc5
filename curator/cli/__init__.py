"""The command `curator`: words in, lines out, an exit code. Everything heavy is imported by the verb that needs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from types import TracebackType

from curator.cli.output import Output
from curator.cli.verbs import VERBS, usage
from curator.errors import CuratorError, UsageError

__all__ = ["main", "run"]

_INTERRUPTED = 130


def main() -> None:
    """Entry point of the command."""
    sys.excepthook = _traceback
    code = run(sys.argv[1:])
    if code == _INTERRUPTED:
        # Everything is closed; threads that still wait for a network would be waited for.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def run(argv: Sequence[str]) -> int:
    """Run one command line and give its exit code.

    0 done, 1 a mistake of the user or the footage, 2 a command line that makes no sense, 3 some
    videos failed, 130 interrupted. ``CURATOR_DEBUG=1`` lets every error through with its traceback.
    """
    output = Output.of(argv)
    if os.environ.get("CURATOR_DEBUG"):
        return _dispatch(list(argv), output)
    try:
        return _dispatch(list(argv), output)
    except CuratorError as error:
        output.error(error)
        return error.exit_code
    except AssertionError as error:
        return _our_bug(error, output)
    except KeyboardInterrupt:
        output.complain(
            "interrupted: what was finished is kept, the same command goes on from there"
        )
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of our output has seen enough, e.g. `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _dispatch(argv: list[str], output: Output) -> int:
    word = argv[0] if argv else ""
    if word in {"-sc", "--shell-completion"}:
        from curator.cli.complete import shell_completion

        return shell_completion(argv)
    if word in {"--version", "version"}:
        from curator import __version__

        output.say([f"curator {__version__}"])
        return 0
    if word in {"", "-h", "--help", "help"}:
        output.say(usage().splitlines())
        return 0 if word else UsageError.exit_code
    if word not in VERBS:
        raise _unknown(word)
    module = import_module(VERBS[word].module)
    rest, helped = output.without_flags(argv[1:])
    if helped:
        output.say(module.HELP.strip().splitlines())
        return 0
    code: int = module.run(rest, output)
    return code


def _traceback(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """What Python shows of an error that nobody expected, without secrets that its words may quote."""
    import traceback

    from curator.hub.secrets import redact

    print(redact("".join(traceback.format_exception(kind, error, trace))), end="", file=sys.stderr)


def _unknown(word: str) -> UsageError:
    import difflib

    if word.startswith("-"):
        return UsageError(f"no option '{word}' here", reason="usage-option", hint="curator --help")
    close = difflib.get_close_matches(word, VERBS, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"commands: {', '.join(VERBS)}"
    return UsageError(f"no command '{word}'", reason="usage-unknown-command", hint=hint)


def _our_bug(error: AssertionError, output: Output) -> int:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})" if trace else ""
    output.error(
        CuratorError(
            f"this is a bug in curator: {error}{place}",
            reason="bug",
            hint="CURATOR_DEBUG=1 shows where; please report it with that",
        )
    )
    return CuratorError.exit_code
