"""What can go wrong while documents are kept."""

from __future__ import annotations


class SpoolFullError(Exception):
    """There is no room; answer 'server-error-temporary-error' and take jobs again later."""

    def __init__(self, says: str = "There is no room for another document just now.") -> None:
        super().__init__(says)


class DocumentGoneError(Exception):
    """The document was erased, or its key was."""
