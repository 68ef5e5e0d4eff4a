from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from edge_agent.jobs import words
from shared import i18n
from shared.job_states import Hold
from tests.support import catalogues

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("language", [lang for lang in i18n.LANGUAGES if lang != "en"])
def test_every_message_is_translated(language: str) -> None:
    assert list(catalogues.untranslated(language)) == []


@pytest.mark.parametrize("language", [lang for lang in i18n.LANGUAGES if lang != "en"])
def test_the_compiled_catalogue_is_the_one_people_edit(language: str) -> None:
    compiled = catalogues.po_path(language).with_suffix(".mo").read_bytes()
    assert compiled == catalogues.compiled(catalogues.read_catalogue(language))


def test_a_moment_is_written_in_the_readers_zone_and_language() -> None:
    sent = NOON - timedelta(hours=19, minutes=40)
    with i18n.reading_as("en", "Europe/London"):
        assert i18n.format_moment(sent, NOON) == "yesterday 16:20"
    with i18n.reading_as("de-AT", "Europe/Vienna"):
        assert i18n.format_moment(sent, NOON) == "gestern 17:20"
        assert i18n.format_moment(NOON - timedelta(minutes=1), NOON) == "12:59"
        assert i18n.format_moment(NOON - timedelta(days=30), NOON) == "23. Okt. 14:00"


def test_numbers_and_durations_are_written_for_the_reader() -> None:
    assert i18n.format_number(1284) == "1,284"
    assert i18n.format_duration(26 * 60) == "26 minutes"
    assert i18n.format_bytes(12_400_000) == "12.4 MB"
    with i18n.reading_as("de"):
        assert i18n.format_number(1284) == "1.284"
        assert i18n.format_duration(1) == "1 Sekunde"
        assert i18n.format_bytes(12_400_000) == "12,4 MB"


def test_an_unknown_language_reads_english_and_an_unknown_zone_is_utc() -> None:
    with i18n.reading_as("tlh", "Mars/Olympus"):
        assert i18n.current_language() == "en"
        assert i18n.format_time(NOON) == "12:00"


def test_the_language_ends_with_the_block() -> None:
    with i18n.reading_as("de"):
        assert i18n.gettext("Mar") == "März"
    assert i18n.gettext("Mar") == "Mar"
    assert i18n.gettext_for("de")("Mar") == "März"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("It was printed.", "Er wurde gedruckt."),
        ("It was printed. Tray 7 is on fire.", "Er wurde gedruckt. Tray 7 is on fire."),
        ("Tray 7 is on fire. It was printed.", "Tray 7 is on fire. Er wurde gedruckt."),
        ("Fach 7 brennt. Sagt er!", "Fach 7 brennt. Sagt er!"),
        ("", ""),
        (". . " * 50_000, ". . " * 50_000),
    ],
    ids=lambda text: text[:20],
)
def test_what_was_written_before_its_reader_was_known_is_translated(
    written: str, read: str
) -> None:
    with i18n.reading_as("de"):
        assert i18n.translated(written) == read
    assert i18n.translated(written) == written


def test_a_message_of_several_sentences_is_translated_as_a_whole() -> None:
    whole = words.HOLDS[Hold.UNCERTAIN]
    assert ". " in whole
    with i18n.reading_as("de"):
        assert i18n.translated(f"{whole} {words.PRINTED}") == (
            f"{i18n.gettext(whole)} {i18n.gettext(words.PRINTED)}"
        )
