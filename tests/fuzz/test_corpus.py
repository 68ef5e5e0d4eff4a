"""Every input that ever taught us something is tried again, for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import CORPUS, TARGETS, fuzz_ipp


def _inputs() -> Iterator[tuple[str, Path]]:
    for name in TARGETS:
        for path in sorted((CORPUS / name).glob("*")):
            yield name, path


@pytest.mark.parametrize(
    ("name", "path"), [pytest.param(n, p, id=f"{n}-{p.name}") for n, p in _inputs()]
)
def test_an_input_of_the_corpus_is_taken_or_refused(name: str, path: Path) -> None:
    check = TARGETS[name]
    check(path.read_bytes())


@pytest.mark.parametrize("check", TARGETS.values(), ids=TARGETS)
def test_each_target_takes_noise(check: Callable[[bytes], None]) -> None:
    @given(st.binary(max_size=200))
    def try_noise(noise: bytes) -> None:
        check(noise)

    try_noise()


def test_a_target_fails_when_the_code_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.targets.encode_message", lambda _: b"")
    with pytest.raises(AssertionError):
        fuzz_ipp(bytes.fromhex("0200000b00000001") + b"\x03")


def test_the_corpus_has_messages_that_decode() -> None:
    assert len(list((CORPUS / "ipp").glob("*"))) >= 10
