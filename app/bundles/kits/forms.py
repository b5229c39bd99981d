"""The form of a starting kit."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import BooleanField

from app.bundles.kits.services import KitDraft
from app.platform.forms import Form


class KitForm(Form):
    """What the kit holds beside a sample submission."""

    ingestion_program = BooleanField(_("The ingestion program"), default=True)
    input_data = BooleanField(_("The input data"), default=True)
    scoring_program = BooleanField(
        _("The scoring program"),
        description=_(
            "With it the kit scores on one's own machine. Make sure that it tells no answers."
        ),
    )
    stand_in = BooleanField(
        _("A stand-in for the reference data"),
        description=_(
            "Text files of the same names, lines and columns, with every number 0 and every word x. "
            "The reference data themselves are never in a kit: people put answers of their own there "
            "to score on their machines."
        ),
    )

    def draft(self) -> KitDraft:
        """Return what was asked for."""
        return KitDraft(
            bool(self.ingestion_program.data), bool(self.input_data.data),
            bool(self.scoring_program.data), bool(self.stand_in.data),
        )  # fmt: skip
