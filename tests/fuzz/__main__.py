"""Run one target under atheris: ``python -m tests.fuzz TARGET [--seconds N]``.

An input that fails is saved in the target's corpus as ``crash-...`` and the exit status is not 0.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        print("atheris is not installed: pip install atheris", file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=["shared", "edge_agent"]):
        targets = importlib.import_module("tests.fuzz.targets")
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=sorted(targets.TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--keep", action="store_true", help="add what reaches new code")
    asked = parser.parse_args(arguments)
    corpus = targets.CORPUS / asked.target
    corpus.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={asked.seconds}",
        "-max_len=4096",
        f"-artifact_prefix={corpus}/",
        "-verbosity=0",
        "-print_final_stats=1",
    ]
    # What reaches new code is written to the first folder.
    with tempfile.TemporaryDirectory() as thrown_away:
        folders = [str(corpus)] if asked.keep else [thrown_away, str(corpus)]
        atheris.Setup([sys.argv[0], *options, *folders], targets.TARGETS[asked.target])
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
