"""What the command says of itself: in the language of whoever types, and of every verb."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from control_plane.cli import main
from control_plane.cli.parser import build_parser
from shared import i18n
from shared.command_help import shell_language


def helped(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.fixture
def speak(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_help_is_in_the_language_of_the_shell(
    speak: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    speak.setenv("LANG", "de_DE.UTF-8")
    german = helped(capsys, "user", "add")
    assert german.startswith("Aufruf: spoolhouse user add ")
    assert "eine Person hinzufügen" in german
    assert "diese Hilfe zeigen und enden" in german
    speak.setenv("LC_ALL", "C.UTF-8")
    english = helped(capsys, "user", "add")
    assert english.startswith("usage: spoolhouse user add ")
    assert "add a person" in english


def complaint(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    return capsys.readouterr().err


WRONG = [
    ("", "the following arguments are required: COMMAND", "es fehlt: BEFEHL"),
    ("site add", "are required: --account, --name", "es fehlt: --account, --name"),
    ("site list --account a --colour red", "unrecognized arguments: --colour red",
     "unbekannt: --colour red"),
    ("site list --account", "argument --account: expected one argument",
     "--account: braucht einen Wert"),
    ("site set --account a --name n --network 10.0.0.0/8 --no-network",
     "--no-network: not allowed with argument --network",
     "--no-network: geht nicht zusammen mit --network"),
    ("site list --account a --json=yes", "--json: ignored explicit argument 'yes'",
     "--json: nimmt keinen Wert: 'yes'"),
    ("user set --account a --p x", "ambiguous option: --p could match --password, ",
     "nicht eindeutig: --p könnte heißen --password, "),
    ("zoo", "invalid choice: 'zoo' (choose from ", "'zoo' gibt es hier nicht (zur Wahl: "),
    ("user list --account a --limit many", "--limit: invalid int value: 'many'",
     "--limit: 'many' ist hier kein Wert (Art: int)"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "english", "german"), WRONG)
def test_what_is_wrong_with_the_words_is_said_in_the_language_of_the_shell(
    speak: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    english: str,
    german: str,
) -> None:
    assert english in complaint(capsys, *words.split())
    speak.setenv("LANG", "de_DE.UTF-8")
    said = complaint(capsys, *words.split())
    assert german in said
    assert said.startswith("Aufruf: spoolhouse")
    assert ": Fehler: " in said


def test_whoever_reads_english_help_reads_no_other_complaints(
    speak: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    speak.setenv("LANGUAGE", "de")
    speak.setenv("LANG", "en_GB.UTF-8")
    assert "are required: COMMAND" in complaint(capsys)


@pytest.mark.parametrize(
    ("given", "language"),
    [({}, "en"), ({"LANG": "de_AT"}, "de"), ({"LANG": "fr_FR"}, "en"),
     ({"LANG": "de_DE", "LC_MESSAGES": "en_GB"}, "en")],
)  # fmt: skip
def test_the_shell_says_who_reads(
    speak: pytest.MonkeyPatch, given: dict[str, str], language: str
) -> None:
    for name, value in given.items():
        speak.setenv(name, value)
    assert shell_language() == language


def parsers_of(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from parsers_of(child)


def test_every_command_can_write_its_help_in_every_language() -> None:
    for language in i18n.LANGUAGES:
        with i18n.reading_as(language):
            found = list(parsers_of(build_parser()))
            assert len(found) > 80
            for parser in found:
                assert parser.prog in parser.format_help()
                assert parser.format_help().count(parser.format_usage().split()[0]) == 1


def test_the_doctor_speaks_to_people_in_their_language_and_to_programs_in_one(
    speak: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    speak.setenv("LANG", "de_DE.UTF-8")
    missing = ["doctor", "--state", str(tmp_path / "nothing")]
    assert main(missing) == 1
    said = capsys.readouterr().out
    assert f"NEIN Zustandsordner: {tmp_path / 'nothing'} ist nicht da" in said
    assert "was hilft: den richtigen nennen" in said
    assert main([*missing, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["items"]
    assert found[0]["says"] == f"{tmp_path / 'nothing'} is not there"
