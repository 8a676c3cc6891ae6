"""Step 3 of a decision for all datasets at once, in SQL."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.db.models import BooleanField, F, Func, Q
from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.accounts.keys import parted
from hub.query.kept import Kept
from hub.store.sql import Sql, join
from policies.facts import PARTY_RANK, TARGET_RANK, Mode, PartyKind, TargetKind


class Gate:
    """The gates of all datasets for one caller, whose ids it looks up first: to plan with them is far less work.

    Each candidate counts twice its specificity, a prohibit one more: of the greatest, an even one permits.
    """

    def __init__(self, caller: Caller) -> None:
        agency, _, name = caller.client.partition("/")
        asked = (caller.agency, agency, name, sorted(caller.groups), caller.agency)
        with connection.cursor() as cursor:
            cursor.execute(_IDS, asked)
            self._agency, self._client, self._groups, self._has_agreements = cursor.fetchone()

    def passes(self, mode: Mode | None) -> Q:
        """Datasets whose gate lets the caller in by class and rules alone; ``mode`` None asks for any mode at all."""
        implied = Sql(
            "CASE {sharing_class} WHEN 'conditional' THEN %s ELSE %s END",
            (_count("dataset", "everyone") + 1, _count("catalogue", "everyone")),
        )
        best = self._best(_PROHIBITS + " OR " + _permits(mode), implied)
        return _where(
            Sql("{sharing_class} IN ('unconditional', 'conditional') AND ") + best + " %% 2 <> 1"
        )  # not "= 0": the planner takes that to be rare

    def passes_under(self, key: str = "", mode: Mode | None = None) -> Q:
        """Conditional datasets under an agreement of the caller's, where the rules' permits do not count.

        Any agreement, or the one with this ``key``, bare or in full; one that serves ``mode``, or any mode.
        """
        if not self._has_agreements:
            return NONE
        outranked = self._best(_PROHIBITS, Sql("-1")) + Sql(" < %s", (_count("dataset", "agency"),))
        return _where(Sql("{sharing_class} = 'conditional' AND ") + self._agreed(key, mode) + " AND " + outranked)

    def is_agreed(self, key: str) -> Q:
        """Datasets that the caller's agreement with this ``key`` is about."""
        return _where(self._agreed(key, None)) if self._has_agreements else NONE

    def is_own(self) -> Q:
        """Datasets of the caller's agency."""
        return NONE if self._agency is None else Q(agency=self._agency)

    def _best(self, which: Sql, otherwise: Sql) -> Sql:
        """The greatest count among the rules on the dataset, its agency and the catalogue.

        Three queries, each by its own index; the last does not depend on the dataset and is run once.
        """
        levels: dict[TargetKind, str] = {
            "dataset": "target_dataset_id = {dataset}",
            "agency": "target_dataset_id IS NULL AND target_agency_id = {agency}",
            "catalogue": "target_dataset_id IS NULL AND target_agency_id IS NULL",
        }
        rule = Sql(" AND ") + _in_force(now()) + " AND " + self._party() + " AND (" + which + "))"
        found = [
            Sql(f"(SELECT max({_COUNTS[kind]}) FROM policies_rule WHERE {on}") + rule for kind, on in levels.items()
        ]
        return Sql("greatest(") + join(", ", [*found, otherwise]) + ")"

    def _party(self) -> Sql:
        """Whether the most specific party that a rule names is the caller's; one that names none is for everyone."""
        return Sql(
            "(party_client_id = %s OR party_client_id IS NULL AND (party_agency_id = %s OR party_agency_id IS NULL"
            " AND (party_group_id = ANY(%s::bigint[]) OR party_group_id IS NULL)))",
            (self._client, self._agency, _array(self._groups)),
        )

    def _agreed(self, key: str, mode: Mode | None) -> Sql:
        """An agreement in force that the caller has on the dataset."""
        clients, at = "SELECT 1 FROM policies_agreement_clients c WHERE c.agreement_id = a.id", now()
        agreement = Sql(
            "EXISTS (SELECT 1 FROM policies_agreement a WHERE a.dataset_id = {dataset} AND a.agency_id = %s"
            " AND a.ended_at IS NULL AND a.valid_from <= %s AND a.valid_to > %s"
            f" AND (NOT EXISTS ({clients}) OR EXISTS ({clients} AND c.client_id = %s))",
            (self._agency, at, at, self._client),
        )
        owner, key = parted(key)
        if key:
            agreement += Sql(" AND a.key = %s", (key,))
        if owner is not None:
            agreement += Sql(" AND a.owner_id = (SELECT id FROM accounts_agency WHERE code = %s)", (owner,))
        if mode is not None:
            agreement += Sql(" AND (a.modes = '{{}}' OR %s = ANY(a.modes))", (mode,))
        return agreement + ")"


def gate_of(caller: Caller) -> Gate:
    """The caller's gate; what it looks up holds as long as the caller's epoch."""
    gate = _gates.get(caller)
    if gate is None:
        gate = Gate(caller)
        _gates.put(caller, gate)
    return gate


NONE: Final = Q(pk=None)
_gates: Final[Kept[Gate]] = Kept(1_000)
_IDS: Final = """
SELECT (SELECT id FROM accounts_agency WHERE code = %s),
    (SELECT c.id FROM accounts_client c JOIN accounts_agency a ON a.id = c.agency_id WHERE a.code = %s AND c.name = %s),
    ARRAY(SELECT id FROM accounts_agencygroup WHERE key = ANY(%s)),
    EXISTS (SELECT 1 FROM policies_agreement g JOIN accounts_agency a ON a.id = g.agency_id
            WHERE a.code = %s AND g.ended_at IS NULL)
"""


def _array(ids: Iterable[int]) -> str:
    """A parameter that can be hashed, as the query builder needs it."""
    return "{" + ",".join(map(str, ids)) + "}"


class _OfDataset(Func):
    """SQL over the columns of the query's dataset, which stand in braces."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, sql: Sql, *columns: Any) -> None:
        super().__init__(*(columns or (F("pk"), F("agency_id"), F("sharing_class"))))
        self.sql = sql

    def as_sql(self, compiler: Any, connection: Any, *given: Any, **context: Any) -> tuple[str, tuple[Any, ...]]:
        dataset, agency, sharing_class = (compiler.compile(column)[0] for column in self.get_source_expressions())
        text = self.sql.text.format(dataset=dataset, agency=agency, sharing_class=sharing_class)
        return f"({text})", tuple(self.sql.params)


def _where(condition: Sql) -> Q:
    return Q(_OfDataset(condition))


def _in_force(at: datetime) -> Sql:
    return Sql(
        "status = 'approved' AND target_field = '' AND (valid_from IS NULL OR valid_from <= %s)"
        " AND (is_firm OR valid_to IS NULL OR valid_to > %s)",
        (at, at),
    )


_PROHIBITS: Final = Sql("effect <> 'permit' AND filter = ''")


def _permits(mode: Mode | None) -> Sql:
    permits = Sql("effect = 'permit' AND NOT is_firm")
    return permits if mode is None else permits + Sql(" AND (modes = '{{}}' OR %s = ANY(modes))", (mode,))


def _count(target: TargetKind, party: PartyKind) -> int:
    return 2 * (TARGET_RANK[target] * len(PARTY_RANK) + PARTY_RANK[party])


_FIRM: Final = 999
"""Above the count of any other rule, and a prohibit's."""


def _counts(target: TargetKind) -> str:
    """The count of a rule on this target."""
    rank = (
        f"CASE WHEN party_client_id IS NOT NULL THEN {_count(target, 'client')}"
        f" WHEN party_agency_id IS NOT NULL THEN {_count(target, 'agency')}"
        f" WHEN party_group_id IS NOT NULL THEN {_count(target, 'group')} ELSE {_count(target, 'everyone')} END"
    )
    return f"CASE WHEN effect = 'permit' THEN {rank} WHEN is_firm THEN {_FIRM} ELSE {rank} + 1 END"


_COUNTS: Final = {target: _counts(target) for target in TARGET_RANK}
