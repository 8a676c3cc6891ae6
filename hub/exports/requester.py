"""The one for whom an export is made: as it was then, and as it is by now."""

from hub.accounts.caller import Caller
from hub.accounts.queries import refreshed
from hub.exports.models import Export
from hub.query.door import Purpose
from hub.query.params import RowsQuery


def requester(export: Export) -> Caller:
    """The requester as it is by now; raises ``Unauthenticated`` where its token, client or membership has ended."""
    then = Caller(
        agency=export.agency,
        client=export.actor if export.is_client else "",
        email="" if export.is_client else export.actor,
        token=export.token,
        scopes=frozenset(export.scopes),
        agreement=export.bound_to,
    )
    return refreshed(then)


def query_of(export: Export) -> RowsQuery:
    """What the export asks of the dataset's rows."""
    return RowsQuery(filter=export.filter, properties=tuple(export.properties), limit=None)


def purpose_of(export: Export) -> Purpose:
    return Purpose(export.agreement, export.purpose)
