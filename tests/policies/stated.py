"""One small dataset, who asks for it, and a decision about it put together by hand."""

import datetime as dt
from dataclasses import replace
from typing import Any

from hub.accounts.caller import Caller
from hub.predicates import Predicate, bind, parse
from policies.access import CLEAR, HIDDEN, Access
from policies.decision import ALL_ROWS, NO_ROWS, Because, Decision, FieldDecision
from policies.facts import DatasetFacts, FieldFacts, GrantFacts, LegalBasis, Mode, RuleFacts, Target
from policies.pdp import decide

AT = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
BASIS = (LegalBasis("Data Act", "4"),)
ID, NAME, PHONE = (
    FieldFacts("id", "integer", "public"),
    FieldFacts("名", "string"),
    FieldFacts("phone", "string", "personal"),
)
OPEN = DatasetFacts("aa.d1", "aa", fields=(ID, NAME, PHONE), reason="as it is", reason_zh="原样", legal_basis=BASIS)
ASKED_FOR = replace(OPEN, sharing_class="conditional")
CLOSED = replace(OPEN, sharing_class="closed")
READER, OWNER = Caller("bb", "bb/app", groups=frozenset({"near"})), Caller("aa", "aa/own")
WHOLE = Target("aa", "aa.d1")
PERMIT = RuleFacts("p", WHOLE, effect="permit", reason="shared", reason_zh="共享", legal_basis=BASIS)
PROHIBIT = RuleFacts("n", WHOLE, effect="prohibit", reason="kept", reason_zh="保留", legal_basis=BASIS)
GRANT = GrantFacts("g", "bb", "aa.d1", reason="to plan", reason_zh="规划", legal_basis=BASIS)
INVALID = Because(
    "gate", "agreement", "prohibit", reason="The agreement is not the caller's, not in force or not about this dataset."
)
RETIRED = Because("gate", "status", "prohibit", reason="The dataset is retired and gives no rows.")
OWN = Because("own", "own", "permit", reason="The data is the caller's own agency's.")


def ask(
    dataset: DatasetFacts,
    *rules: RuleFacts,
    caller: Caller = READER,
    grant: GrantFacts | None = None,
    mode: Mode = "rows",
    **more: Any,
) -> Decision:
    return decide(caller, dataset, rules, grant, mode, AT, **more)


def implied(effect: str, dataset: DatasetFacts = OPEN) -> Because:
    """What the dataset's class did."""
    told = {"reason": dataset.reason, "reason_zh": dataset.reason_zh, "legal_basis": dataset.legal_basis}
    return Because("gate", "class", effect, **told)  # type: ignore[arg-type]


def took_part(source: RuleFacts | GrantFacts, step: str, **how: Any) -> Because:
    ground = "rule" if isinstance(source, RuleFacts) else "grant"
    told = {"reason": source.reason, "reason_zh": source.reason_zh, "legal_basis": source.legal_basis}
    return Because(step, ground, source=source, **told, **how)  # type: ignore[arg-type]


def classified(field: FieldFacts, access: Access, reason: str) -> FieldDecision:
    return FieldDecision(
        field, access, (Because("fields", "sensitivity", access=access, field=field.name, reason=reason),)
    )


def tree(text: str) -> Predicate:
    return bind(parse(text), {field.name: field.type for field in OPEN.fields})


BY_CLASS = (
    classified(ID, CLEAR, "The field is classified as public."),
    classified(NAME, HIDDEN, "Nobody has classified the field yet."),
    classified(PHONE, HIDDEN, "The field is classified as personal."),
)


def permitted(dataset: DatasetFacts = OPEN, **given: Any) -> Decision:
    usual: dict[str, Any] = {
        "because": (implied("permit"),),
        "rows": ALL_ROWS,
        "fields": BY_CLASS,
        "mode": "rows",
        "caller": READER,
    }
    return Decision(dataset=dataset, exists=True, permit=True, code="ok", **(usual | given))


def denied(dataset: DatasetFacts, code: str, *because: Because, **given: Any) -> Decision:
    hidden = tuple(FieldDecision(field, HIDDEN) for field in dataset.fields)
    usual: dict[str, Any] = {"caller": READER, "mode": "rows", "because": because}
    is_there = code != "not-found"
    given = usual | given
    return Decision(dataset=dataset, exists=is_there, permit=False, code=code, rows=NO_ROWS, fields=hidden, **given)  # type: ignore[arg-type]
