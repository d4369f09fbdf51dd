"""A pay plan written back into the text it was read from, so that comments and all else stand as they stood."""

from dataclasses import dataclass
from pathlib import Path

from kpilab.model.cascade import Cascade
from kpilab.model.conflicts import difference_of, refuse_what_changed
from kpilab.model.entries import yaml_format
from kpilab.model.files import text_of
from kpilab.model.pay_files import PAY_FILE
from kpilab.model.pay_plan import PayPlan, Plan
from kpilab.model.relaying import laid_out_as_before
from kpilab.model.saving import merged_list, refuse_if_read_only, replace_files, yaml_text


@dataclass(frozen=True)
class PayDraft:
    """A pay plan that is to be saved beside a cascade.

    Attributes
    ----------
    cascade : Cascade
    read : str
        The text of `pay.yaml` as it was read.
    pay : PayPlan
        What it is to say; its plans may differ.
    said : tuple of str
        What differs, in sentences.
    """

    cascade: Cascade
    read: str
    pay: PayPlan
    said: tuple[str, ...] = ()

    def changes(self) -> tuple[str, ...]:
        """Say in sentences what differs from what was read."""
        return self.said

    def difference(self) -> str:
        """Say that the file would change; its lines are confidential."""
        return difference_of(PAY_FILE, text_of(self.cascade.folder / PAY_FILE) or "", self.text)

    @property
    def text(self) -> str:
        """Return the text of `pay.yaml` as it would be saved."""
        return pay_text(self.pay, self.read)

    def save(self, *, overwrite: bool = False) -> list[Path]:
        """Write `pay.yaml` in one step, for those who could read it before; return the files that were written.

        Parameters
        ----------
        overwrite : bool
            Also over what somebody else wrote in the meantime.

        Raises
        ------
        InputError
            When a file changed on disk since it was read, or the cascade is only read.
        """
        folder = self.cascade.folder
        refuse_if_read_only(self.cascade)
        if not overwrite:
            refuse_what_changed(folder, {**self.cascade.texts, PAY_FILE: self.read})
        return replace_files({folder / PAY_FILE: self.text})


def pay_text(pay: PayPlan, text: str) -> str:
    """Return the text of a pay plan with the plans of another one in it; the rest stays as it is written.

    Parameters
    ----------
    pay : PayPlan
    text : str
        What `pay.yaml` says now.
    """
    document = yaml_format().load(text)
    rewritten = yaml_text(document)
    document["plans"] = merged_list(document["plans"], pay.plans, Plan)
    return laid_out_as_before(text, rewritten, yaml_text(document))
