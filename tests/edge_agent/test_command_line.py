"""What the gateway's command says to whoever types it."""

from __future__ import annotations

import pytest

from edge_agent.command_line import main


@pytest.mark.parametrize(
    ("language", "complaint"),
    [
        ("de_DE.UTF-8", "--log: 'loud' gibt es hier nicht (zur Wahl: 'text', 'json')"),
        ("C.UTF-8", "argument --log: invalid choice: 'loud' (choose from 'text', 'json')"),
    ],
)
def test_a_wrong_word_is_refused_in_the_language_of_the_shell(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    language: str,
    complaint: str,
) -> None:
    monkeypatch.delenv("LANGUAGE", raising=False)
    monkeypatch.setenv("LC_ALL", language)
    with pytest.raises(SystemExit) as ended:
        main(["run", "--log", "loud"])
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err
