"""Why pages were not counted; English here, translated where it is shown."""

from __future__ import annotations

from typing import Final

from shared.i18n import mark as _

PROTECTED: Final = _("Its pages were not counted: a password protects it.")
DAMAGED: Final = _("Its pages were not counted: it is damaged, or not what its sender says it is.")
TOO_LARGE: Final = _("Its pages were not counted: it is too large for that.")
TOO_LONG: Final = _("Its pages were not counted: that would have taken too long.")
OTHER_FORMAT: Final = _(
    "Its pages were not counted: nobody can tell for this kind of document before it is printed."
)
FAILED: Final = _("Its pages were not counted: the page counter failed.")
