"""How a dataset is shared: classes are the policies' to give, as the law says what they rest on."""

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.accounts.commands import bump_epoch
from hub.accounts.permissions import is_hub
from hub.audit.commands import record
from hub.catalog.models import Dataset
from hub.catalog.permissions import require_dataset_reviewer, require_editor
from hub.catalog.secrecy import secrecy_faults
from policies.checks import refuse
from policies.commands.keeping import regime
from policies.terms import class_faults


@transaction.atomic
def classify_dataset(
    *,
    actor: Caller,
    dataset: Dataset,
    sharing_class: str,
    reason: str = "",
    legal_basis: Sequence[Mapping[str, str]] = (),
    conditions: str = "",
) -> Dataset:
    """Set how ``dataset`` is shared. Anything but ``unconditional`` gives a reason, and the law that the regime wants.

    Of a published dataset a reviewer decides. What is not shared with all is looked at again when the regime says;
    to confirm it is to classify anew.
    """
    dataset.refresh_from_db(from_queryset=Dataset.objects.select_for_update(of=("self",)).select_related("agency"))
    if dataset.status == Dataset.Status.PUBLISHED:
        require_dataset_reviewer(actor, dataset, "Classifying what is published")
    else:
        require_editor(actor, dataset, "Classifying datasets")
    law = regime()
    refuse(class_faults(sharing_class, reason, legal_basis, conditions, law))
    dataset.sharing_class, dataset.reason, dataset.conditions = sharing_class, reason, conditions
    dataset.legal_basis = [dict(citation) for citation in legal_basis]
    dataset.classified_at = now()
    dataset.review_at = None if sharing_class == "unconditional" else now() + law.review_after
    refuse(secrecy_faults(dataset, is_declared=is_hub(actor)))
    dataset.save()
    bump_epoch()
    record(actor=actor, kind="dataset.classified", dataset=dataset.key, sharing_class=sharing_class)
    return dataset
