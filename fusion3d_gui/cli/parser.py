"""Parser of the command line and dispatch to the commands."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from fusion3d_gui import RESEARCH_USE_ONLY, __version__
from fusion3d_gui.cli import commands
from fusion3d_gui.cli.argument_types import add_device_and_engine
from fusion3d_gui.cli.bundle_command import add_bundle_arguments
from fusion3d_gui.cli.case_arguments import add_case_arguments
from fusion3d_gui.cli.network.pacs_command import add_pacs_arguments
from fusion3d_gui.cli.network.serve_command import add_serve_arguments
from fusion3d_gui.cli.terminal import say, say_error
from fusion3d_gui.cli.training.reader_study_command import add_reader_study_arguments
from fusion3d_gui.cli.training.study_command import (
    add_lesion_map_arguments,
    add_study_arguments,
    add_table_arguments,
)
from fusion3d_gui.cli.training.training_arguments import add_training_arguments
from fusion3d_gui.errors import UserError

#: Errors that no program can prevent: they come up in the midst of any work.
_FAULTS_OF_DISKS = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG),  # it is full
    *(errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
)


class _Parser(argparse.ArgumentParser):
    """Raises UserError for wrong arguments, so that they are reported in one line."""

    def error(self, message: str) -> NoReturn:
        raise UserError(message, remedy=f"See {self.prog} --help.")


def run(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit status (0 done, 2 wrong input or call, 1 otherwise)."""
    try:
        status = _dispatch(list(arguments))
        sys.stdout.flush()
        return status
    except UserError as error:
        say_error(error)
        return 2
    except BrokenPipeError:
        # The reader of our output (e.g. `| head`) has closed it; nothing more can be flushed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.errno not in _FAULTS_OF_DISKS:
            raise
        problem = f"can't be read or written ({error.strerror})"
        say_error(UserError(problem, path=error.filename))
        return 2
    except KeyboardInterrupt:
        say("fusion3d: interrupted", error=True)
        return 1


def _dispatch(arguments: list[str]) -> int:
    parser, parsers = _build_parsers()
    if arguments and arguments[0] in commands.COMMANDS:
        name = arguments[0]
        return commands.COMMANDS[name](parsers[name].parse_args(arguments[1:]))
    if arguments and arguments[0] in ("-h", "--help", "--version"):
        parser.parse_args(arguments)
    return commands.window(parsers["window"].parse_args(arguments))


def _build_parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    parser = _Parser(
        prog="fusion3d",
        description="Predict from 3D scans and explain the predictions. " + RESEARCH_USE_ONLY + ".",
        epilog="Without a command, `fusion3d [PATH ...]` opens the window, on files or folders if given. "
        "A path that is named like a command is written ./demo.",
    )
    parser.add_argument("--version", action="version", version=f"fusion3d {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=False)

    parsers: dict[str, argparse.ArgumentParser] = {
        "window": _Parser(prog="fusion3d", description="Open the window.")
    }

    def command(name: str, text: str) -> argparse.ArgumentParser:
        parsers[name] = subparsers.add_parser(name, help=text, description=text)
        return parsers[name]

    window = parsers["window"]
    window.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="scans: files or folders"
    )
    window.add_argument("--series", metavar="UID", help="which of their series to open")
    demo = command("demo", "open the window on the shipped case, and predict")
    demo.add_argument(
        "--pacs",
        action="store_true",
        help="find the demo cases in a PACS (Orthanc, where it is installed) instead",
    )
    for one in (window, demo):
        one.add_argument("--model", type=Path, metavar="DIR", help="model bundle to start with")
        add_device_and_engine(one)
        one.add_argument(
            "--anonymous", action="store_true", help="hide the patient's identity for this session"
        )
        one.add_argument(
            "--screenshot", type=Path, metavar="FILE.png", help="save the window, exit"
        )

    add_case_arguments(command)
    add_pacs_arguments(command("pacs", "find, fetch and send over the network: see pacs --help"))
    add_serve_arguments(command("serve", "offer a model to other machines (KServe v2 protocol)"))
    add_bundle_arguments(command("bundle", "make, check and export model bundles"))
    check = command("check", "compare the shipped cases, on this machine and engine, with pins")
    add_device_and_engine(check)
    add_training_arguments(command)
    add_table_arguments(command("table", "make a table of cases from a data set"))
    add_lesion_map_arguments(
        command("lesion-map", "bring the lesion of a scan into standard space")
    )
    add_study_arguments(command("study", "do a study of real cases: see study --help"))
    add_reader_study_arguments(
        command(
            "reader-study", "have readers read cases with and without the model, and analyse it"
        )
    )
    return parser, parsers
