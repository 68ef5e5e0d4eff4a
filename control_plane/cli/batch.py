"""``spoolhouse batch``: many commands, one start of the program."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final

from control_plane.cli.parser import build_parser
from control_plane.cli.performing import complain, perform
from control_plane.cli.telling import CommandError, tell, to_plain

_NOT_HERE: Final = ("batch", "primary", "simulate")


def run_batch(arguments: argparse.Namespace) -> int:
    """Run each line as a command; ends at the first that fails, naming its line.

    With ``--json`` every command answers in one line, in order.
    """
    say = _say_in_one_line if arguments.json else partial(tell, as_json=False)
    for number, line in enumerate(_lines(arguments.file), 1):
        where = f"line {number}: "
        words = _words(line, where)
        if not words:
            continue
        code = perform(_parse(words, arguments, where), say, where=where)
        if code != 0:
            return code
    return 0


def _lines(file: str) -> Iterable[str]:
    if file == "-":
        return sys.stdin
    try:
        return Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}") from None


def _words(line: str, where: str) -> list[str]:
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        raise CommandError(f"{where}{error}") from None
    if words and words[0] in _NOT_HERE:
        raise CommandError(f"{where}{words[0]} has no place in a batch")
    return words


def _parse(words: list[str], of: argparse.Namespace, where: str) -> argparse.Namespace:
    try:
        arguments = build_parser().parse_args(words)
    except SystemExit as end:
        if end.code:
            complain(f"{where}is not a command")
        raise
    arguments.state = arguments.state or of.state
    arguments.database = arguments.database or of.database
    return arguments


def _say_in_one_line(answer: Any) -> None:
    print(json.dumps(to_plain(answer), ensure_ascii=False), flush=True)
