"""The two commands that everybody uses, run with ``--json``."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

TIMEOUT_SECONDS: Final = 60.0

Command = tuple[str, Mapping[str, str | int]]  # "user add", and its options


class CommandError(Exception):
    """A command failed; ``said`` is what it said."""

    def __init__(self, argv: Sequence[str], code: int | None, said: str) -> None:
        shown = " ".join([Path(argv[0]).name, *argv[1:]])
        super().__init__(f"{shown} ended with {code}: {said.strip()}")
        self.said = said


async def run(*argv: str | Path, stdin: str | None = None) -> str:
    """Run a command to its end; returns what it wrote.

    Raises:
        CommandError: It failed or took too long.
    """
    words = [str(word) for word in argv]
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ,
    )
    try:
        out, err = await asyncio.wait_for(
            process.communicate(None if stdin is None else stdin.encode()), TIMEOUT_SECONDS
        )
    except TimeoutError:
        process.kill()
        await process.wait()
        raise CommandError(words, None, f"no end after {TIMEOUT_SECONDS:.0f} s") from None
    if process.returncode != 0:
        raise CommandError(words, process.returncode, (err or out).decode(errors="replace"))
    return out.decode()


@dataclass(frozen=True)
class Primary:
    """``spoolhouse``, for one state folder."""

    program: Path
    state: Path

    async def ask(self, *words: str, stdin: str | None = None, **options: str | int | None) -> Any:
        """Run ``spoolhouse <words> --<options> --json``; returns what it answers."""
        # With "=": a password may begin with a hyphen.
        flags = [
            f"--{name.replace('_', '-')}={value}"
            for name, value in options.items()
            if value is not None
        ]
        out = await run(self.program, *words, *flags, "--state", self.state, "--json", stdin=stdin)
        return json.loads(out) if out.strip() else None

    async def batch(self, commands: Sequence[Command]) -> list[tuple[str, Any]]:
        """Run many commands in one start of the program; each with what it answers."""
        lines = [" ".join([name, *_flags(options)]) for name, options in commands]
        argv = (self.program, "batch", "--state", self.state, "--json")
        out = await run(*argv, stdin="\n".join(lines))
        answers = [json.loads(line) for line in out.splitlines()]
        return [(name, answer) for (name, _), answer in zip(commands, answers, strict=True)]


def _flags(options: Mapping[str, str | int]) -> list[str]:
    return [
        f"--{name.replace('_', '-')}={shlex.quote(str(value))}" for name, value in options.items()
    ]
