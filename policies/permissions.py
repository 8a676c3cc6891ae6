"""Who writes rules, who approves them, and who grants."""

from hub.accounts.caller import Caller
from hub.accounts.models import Agency, Membership
from hub.accounts.permissions import holds, is_hub, is_of, require_act
from hub.accounts.stewardship import is_steward
from hub.catalog.models import Dataset
from hub.catalog.permissions import require_dataset_reviewer
from hub.catalog.queries import dataset_by_key
from hub.errors import Forbidden
from policies.facts import Target
from policies.models import Agreement, Rule
from policies.queries import target_of


def require_writer(actor: Caller, target: Target) -> None:
    """Rules are written by the owner of their target, those on the catalogue by the authority.

    Asked before anything is looked up, so that a refusal does not tell what there is.
    """
    if is_hub(actor):
        return
    if not target.agency:
        _require_authority(actor)
    elif not is_of(actor, target.agency, "publisher", "reviewer"):
        dataset = dataset_by_key(target.dataset) if actor.agency == target.agency else None
        if dataset is None or not is_steward(actor, dataset, "edit"):
            message = f"Rules on the data of {target.agency} are written by its own publishers."
            raise Forbidden(message, hint=f"Ask for the role publisher in {target.agency}.")


def require_rule_writer(actor: Caller, rule: Rule) -> None:
    """Whoever writes rules on the target, and the rule's own stewards."""
    if not is_steward(actor, rule, "edit"):
        require_writer(actor, target_of(rule))


def require_rule_reviewer(actor: Caller, rule: Rule) -> None:
    """The second person's word on a rule, and its end."""
    agency = rule.agency
    if agency is None:
        _require_authority(actor)
    else:
        things = (rule,) if rule.target_dataset is None else (rule, rule.target_dataset)
        require_act(actor, "review", agency.code, *things, what="Approving and retiring rules")


def _require_authority(actor: Caller) -> None:
    if not holds(actor, "authority"):
        raise Forbidden("Rules on the whole catalogue are the authority's.", hint="Ask for the role authority.")


def require_other_side(actor: Caller, dataset: Dataset, agency: Agency) -> None:
    """An agreement has two sides, and so two persons."""
    if is_hub(actor) or agency.pk == dataset.agency_id:
        return
    is_member = bool(actor.email) and Membership.objects.filter(agency=agency, user__email=actor.email).exists()
    if is_member or actor.agency == agency.code:
        message = f"Whoever belongs to {agency.code} does not grant it access."
        raise Forbidden(message, code="second-person", hint="Ask another reviewer.")


def require_either_side(actor: Caller, agreement: Agreement) -> None:
    """An agreement is ended by the owner's reviewers, or by the people of the agency that has it."""
    if not is_of(actor, agreement.agency.code, "requester", "reviewer"):
        require_dataset_reviewer(actor, agreement.dataset, "Ending agreements")


def require_applicant(actor: Caller, agency: str = "") -> None:
    """Applications are made for the actor's own agency; ``agency`` is the one that has made it already."""
    if not is_of(actor, agency or actor.agency, "requester", "reviewer"):
        raise Forbidden(
            f"Applications are for the requesters of {agency or actor.agency}.", hint="Ask for the role requester."
        )
