"""What can be wrong with a request, in the words of the domain; ``problems`` turns it into HTTP."""

from __future__ import annotations

from shared.i18n import mark


class SpoolhouseError(Exception):
    """A refusal that its asker can understand; the text is a sentence for people.

    ``text`` is English with ``%(name)s`` places for ``values``: pages show it in their reader's
    language, programs read it as it is.
    """

    def __init__(self, text: str, **values: object) -> None:
        super().__init__(text % values if values else text)
        self.text = text
        self.values = values


class NotFoundError(SpoolhouseError):
    """There is none, or it is somebody else's: nobody learns which (404)."""

    def __init__(self, kind: str, key: str = "") -> None:
        super().__init__(f"there is no such {kind}")
        self.kind = kind
        self.key = key


class InvalidError(SpoolhouseError):
    """A value cannot be used (422); ``field`` names it."""

    def __init__(self, field: str, sentence: str, **values: object) -> None:
        super().__init__(sentence, **values)
        self.field = field


class ConflictError(SpoolhouseError):
    """It contradicts what is there (409); ``field`` names the value where there is one."""

    def __init__(self, sentence: str, field: str | None = None, **values: object) -> None:
        super().__init__(sentence, **values)
        self.field = field


class StaleError(SpoolhouseError):
    """Somebody else changed it in between (412)."""

    def __init__(self) -> None:
        super().__init__(mark("it was changed in the meantime; look at it again"))


class ForbiddenError(SpoolhouseError):
    """The person may see it, and may not do this (403)."""

    def __init__(self, permission: str) -> None:
        super().__init__(mark("this needs the permission %(permission)r"), permission=permission)
        self.permission = permission


class AccountClosedError(SpoolhouseError):
    """Nobody signs in to a closed account, and no key of it works (403)."""


class SignInNeededError(SpoolhouseError):
    """Nobody is signed in (401, or the sign-in page)."""

    def __init__(self, sentence: str = mark("sign in first")) -> None:
        super().__init__(sentence)


class WrongHostError(SpoolhouseError):
    """The host name belongs to nobody here, or contradicts the credential (421)."""

    def __init__(self, sentence: str = mark("this address is not served here")) -> None:
        super().__init__(sentence)


class TooManyError(SpoolhouseError):
    """Too many attempts (429)."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(mark("too many attempts; wait a little"))
        self.retry_after_seconds = retry_after_seconds
