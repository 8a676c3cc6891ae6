"""A hub of any size, made in the database itself: agencies, datasets of every kind, rules and agreements."""

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.test import Client as Browser

from hub.accounts.caller import HUB
from hub.accounts.commands import issue_token
from hub.accounts.models import Agency, Client, Membership, User

_AGENCIES = """
INSERT INTO accounts_agency (code, name, name_zh, is_active)
SELECT 'a' || n, 'Department ' || n, '部门' || n, true FROM generate_series(1, %(agencies)s) n;
INSERT INTO accounts_agencygroup (key) SELECT 'group' || n FROM generate_series(1, 10) n;
INSERT INTO accounts_agencygroup_agencies (agencygroup_id, agency_id)
SELECT g.id, a.id FROM accounts_agencygroup g, accounts_agency a WHERE a.id %% 7 = g.id %% 7;
INSERT INTO accounts_client (id, agency_id, name, roles, is_external, is_active)
SELECT gen_random_uuid(), id, 'app', '{}', false, true FROM accounts_agency;
"""
_DATASETS = """
INSERT INTO catalog_dataset (
    id, agency_id, key, title, title_zh, description, description_zh, keywords, theme, licence, contact,
    update_frequency, sharing_class, conditions, reason, legal_basis, is_secret, primary_key, sensitivity,
    is_discovered, status, submitter, review_note, published_at, created_at)
SELECT gen_random_uuid(), a.id, a.code || '.d' || n,
    concat('Register of ',
        (ARRAY['water','schools','flights','hospitals','permits','vehicles','parcels','energy'])[1 + n %% 8], ' ', n,
        CASE WHEN n %% 997 = 0 THEN ' with barometers' END),
    (ARRAY['水质','学校','航班','医院','许可','车辆','地块','能源'])[1 + n %% 8] || '统计' || n
        || CASE WHEN n %% 997 = 0 THEN '气压' ELSE '' END,
    'Statistics published by the department for the use of others, kept since ' || (1950 + n %% 70),
    '由部门发布供其他部门使用的数据',
    ARRAY['open', 'year ' || (1950 + n %% 70)], 'theme ' || n %% 12, '', '',
    (ARRAY['daily','weekly','monthly','irregular'])[1 + n %% 4],
    CASE WHEN n %% 50 = 1 THEN 'closed' WHEN n %% 5 = 0 THEN 'conditional' ELSE 'unconditional' END,
    '', 'because', '[]', n %% 100 = 3, '{}', 'internal', false,
    CASE WHEN n %% 40 = 2 THEN 'draft' WHEN n %% 90 = 4 THEN 'retired' ELSE 'published' END, '', '',
    CASE WHEN n %% 40 = 2 THEN NULL ELSE now() - n * interval '1 minute' END, now()
FROM generate_series(1, %(datasets)s) n JOIN accounts_agency a ON a.code = 'a' || 1 + n %% %(agencies)s;
INSERT INTO store_relation (dataset_id, generation, version, rows, synced_at)
SELECT id, 1, 1, 100, now() - (row_number() OVER ()) * interval '1 minute' FROM catalog_dataset
WHERE status = 'published' AND right(key, 1) <> '7';
"""
_RULES = """
INSERT INTO policies_rule (
    id, key, status, target_dataset_id, target_agency_id, target_field, party_group_id, party_agency_id,
    party_client_id, effect, filter, is_firm, modes, reason, reason_zh, legal_basis, valid_from, valid_to, author,
    approver, created_at)
SELECT gen_random_uuid(), 'r' || n, CASE WHEN n %% 20 = 0 THEN 'draft' ELSE 'approved' END,
    CASE WHEN n %% 10 < 8 THEN d.id END, CASE WHEN n %% 10 = 8 THEN a.id WHEN n %% 500 = 9 THEN NULL ELSE
        CASE WHEN n %% 10 = 9 THEN a.id END END, '',
    CASE WHEN n %% 4 = 1 THEN (SELECT min(id) FROM accounts_agencygroup) + n %% 10 END,
    CASE WHEN n %% 4 = 2 THEN a.id WHEN n %% 4 = 0 AND n %% 8 = 0 THEN a.id END,
    CASE WHEN n %% 4 = 3 THEN c.id END,
    CASE WHEN n %% 3 = 0 THEN 'prohibit' ELSE 'permit' END, '', n %% 30 = 0, '{}', 'because', '', '[]', NULL,
    CASE WHEN n %% 6 = 0 THEN now() + n * interval '1 hour' END, 'a', 'b', now()
FROM generate_series(1, %(rules)s) n
JOIN (SELECT id, row_number() OVER (ORDER BY key) AS number FROM catalog_dataset) d
    ON d.number = 1 + n * 7919 %% %(datasets)s
JOIN accounts_agency a ON a.code = 'a' || 1 + n * 31 %% %(agencies)s
JOIN accounts_client c ON c.agency_id = a.id;
INSERT INTO policies_agreement (
    id, key, owner_id, dataset_id, agency_id, fields, filter, modes, purpose, legal_basis, may_pass_on, disposal,
    assessment, valid_from, valid_to, ended_by, agreed_by, created_at)
SELECT gen_random_uuid(), 'agreement-' || number, agency_id, id, (SELECT id FROM accounts_agency WHERE code = 'a1'),
    '{}', '', '{}', 'because', '[]', false, '', '', now() - interval '1 day', now() + interval '1 year', '', 'b', now()
FROM (SELECT id, agency_id, row_number() OVER (ORDER BY key) AS number FROM catalog_dataset
    WHERE sharing_class = 'conditional') d
WHERE number %% 40 = 0;
"""
_INDEX = "catalog_wording_threes"


def seed(datasets: int, rules: int, agencies: int) -> None:
    """Into an empty hub; the index of words is made again afterwards, which takes a third of keeping it meanwhile."""
    sizes = {"datasets": datasets, "rules": rules, "agencies": agencies}
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [_INDEX])
        (made,) = cursor.fetchone()
        cursor.execute(f"DROP INDEX {_INDEX}")
        for statements in (_AGENCIES, _DATASETS, _RULES):
            cursor.execute(statements, sizes)
        cursor.execute("SET maintenance_work_mem = '256MB'")
        cursor.execute(made)
        cursor.execute("VACUUM ANALYZE")
        while _is_unseen(cursor):  # rows that another's snapshot did not hold for everyone's yet
            cursor.execute("VACUUM catalog_dataset")


def _is_unseen(cursor: CursorWrapper) -> bool:
    cursor.execute("SELECT relallvisible < relpages FROM pg_class WHERE oid = 'catalog_dataset'::regclass")
    return bool(cursor.fetchone()[0])


def token(agency: str, *roles: str, name: str = "app") -> str:
    """Of a client of ``agency``, made where there is none."""
    owner = Agency.objects.get(code=agency)
    client, _ = Client.objects.get_or_create(agency=owner, name=name, defaults={"roles": list(roles)})
    return issue_token(actor=HUB, client=client)[1]


def visitor(agency: str) -> Browser:
    """A browser in which a member of ``agency`` is signed in."""
    user = User.objects.create_user("reader@bench.example")
    Membership.objects.create(user=user, agency=Agency.objects.get(code=agency))
    browser = Browser()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return browser
