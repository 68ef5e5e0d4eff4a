"""A printer's refusals: can trying again help, when, and what does the owner read?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from edge_agent.jobs.driver import PrinterUnavailableError
from edge_agent.output import words
from edge_agent.output.ipp_client import NotIppError, UntrustedError
from edge_agent.output.ipp_report import clean
from shared.ipp import Message, Status
from shared.ipp.enums import status_keyword

S = Status

# Trying again can help, after so many seconds.
LATER: Final[Mapping[int, tuple[str, float]]] = {
    S.SERVER_ERROR_BUSY: (words.BUSY, 2.0),
    S.SERVER_ERROR_NOT_ACCEPTING_JOBS: (words.NOT_ACCEPTING, 15.0),
    S.SERVER_ERROR_TEMPORARY_ERROR: (words.BUSY, 10.0),
    S.SERVER_ERROR_SERVICE_UNAVAILABLE: (words.NOT_ACCEPTING, 15.0),
    S.SERVER_ERROR_TOO_MANY_JOBS: (words.BUSY, 10.0),
    S.SERVER_ERROR_PRINTER_IS_DEACTIVATED: (words.NOT_ACCEPTING, 60.0),
    S.SERVER_ERROR_DEVICE_ERROR: (words.TROUBLED, 30.0),
    S.SERVER_ERROR_INTERNAL_ERROR: (words.TROUBLED, 60.0),
    S.CLIENT_ERROR_TIMEOUT: (words.TROUBLED, 10.0),
    S.CLIENT_ERROR_FORBIDDEN: (words.SIGN_IN, 300.0),
    S.CLIENT_ERROR_NOT_AUTHENTICATED: (words.SIGN_IN, 300.0),
    S.CLIENT_ERROR_NOT_AUTHORIZED: (words.SIGN_IN, 300.0),
}

# Trying again cannot help.
NEVER: Final[Mapping[int, str]] = {
    S.CLIENT_ERROR_DOCUMENT_FORMAT_NOT_SUPPORTED: words.BAD_FORMAT,
    S.CLIENT_ERROR_DOCUMENT_FORMAT_ERROR: words.BAD_DOCUMENT,
    S.CLIENT_ERROR_DOCUMENT_UNPRINTABLE_ERROR: words.BAD_DOCUMENT,
    S.CLIENT_ERROR_DOCUMENT_PASSWORD_ERROR: words.BAD_DOCUMENT,
    S.CLIENT_ERROR_REQUEST_ENTITY_TOO_LARGE: words.TOO_LARGE,
}

_UNREACHABLE_SECONDS: Final = 10.0
_SIGN_IN: Final = frozenset({401, 403, 426})


def refusal(answer: Message) -> str:
    """Say why a printer refused a job for good.

    Raises:
        PrinterUnavailableError: It is not for good.
    """
    later = LATER.get(answer.code)
    if later is not None:
        raise PrinterUnavailableError(*later)
    known = NEVER.get(answer.code)
    if known is not None:
        return known
    said = clean(answer.operation.find_text("status-message") or status_keyword(answer.code))
    return f"{words.REFUSED} ({said})"


def unavailable(error: Exception) -> PrinterUnavailableError:
    """Say why a printer cannot be used now; nothing was sent to it."""
    if isinstance(error, UntrustedError):
        return PrinterUnavailableError(words.UNTRUSTED, 300.0)
    if isinstance(error, NotIppError) and error.http_status in _SIGN_IN:
        return PrinterUnavailableError(words.SIGN_IN, 300.0)
    if isinstance(error, NotIppError):
        return PrinterUnavailableError(words.NO_IPP, 60.0)
    return PrinterUnavailableError(words.UNREACHABLE, _UNREACHABLE_SECONDS)
