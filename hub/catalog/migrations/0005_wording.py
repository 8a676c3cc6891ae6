"""The words that a search looks through: kept by the database, and found by the three letters that they hold.

A text is indexed by every three characters that stand together in it; each of its lines but the last is followed by
another, so that a word of one or two characters, too, begins some three. Texts too long for that are under one mark,
which every search looks up as well.
"""

from django.db import migrations

_WORDING = r"""
CREATE FUNCTION catalog_reword(changed uuid[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO catalog_wording (dataset_id, text)
    SELECT d.id, upper(concat_ws(E'\n', d.key, d.title, d.title_zh, d.description, d.description_zh,
                                 array_to_string(d.keywords, E'\n'), a.name, a.name_zh, E'\n'))
    FROM catalog_dataset d JOIN accounts_agency a ON a.id = d.agency_id
    WHERE d.id = ANY(changed)
    ON CONFLICT (dataset_id) DO UPDATE SET text = excluded.text WHERE catalog_wording.text <> excluded.text
$$;
CREATE FUNCTION catalog_dataset_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM catalog_reword(ARRAY(SELECT id FROM changed));
    RETURN NULL;
END $$;
CREATE TRIGGER catalog_dataset_added AFTER INSERT ON catalog_dataset REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_dataset_changed();
CREATE TRIGGER catalog_dataset_changed AFTER UPDATE ON catalog_dataset REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_dataset_changed();
CREATE FUNCTION catalog_agency_renamed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM catalog_reword(ARRAY(SELECT id FROM catalog_dataset WHERE agency_id = NEW.id));
    RETURN NULL;
END $$;
CREATE TRIGGER catalog_agency_renamed AFTER UPDATE OF name, name_zh ON accounts_agency FOR EACH ROW
    WHEN ((OLD.name, OLD.name_zh) IS DISTINCT FROM (NEW.name, NEW.name_zh))
    EXECUTE FUNCTION catalog_agency_renamed();
SELECT catalog_reword(ARRAY(SELECT id FROM catalog_dataset));
"""
_NO_WORDING = """
DROP TRIGGER catalog_agency_renamed ON accounts_agency;
DROP TRIGGER catalog_dataset_changed ON catalog_dataset;
DROP TRIGGER catalog_dataset_added ON catalog_dataset;
DROP FUNCTION catalog_agency_renamed();
DROP FUNCTION catalog_dataset_changed();
DROP FUNCTION catalog_reword(uuid[]);
"""

_INDEX = r"""
CREATE FUNCTION catalog_threes(text text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS $$
    SELECT CASE
        WHEN length(text) > 10000 THEN array_to_tsvector(ARRAY['long'])
        ELSE (SELECT array_to_tsvector(array_agg(substr(text, n, 3))) FROM generate_series(1, length(text) - 2) n)
    END
$$;
CREATE FUNCTION catalog_sought(word text) RETURNS tsquery LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT ('long | (' || string_agg(
        '''' || replace(replace(substr(word, least(n, greatest(length(word) - 2, 1)), 3), '\', '\\'), '''', '''''')
        || '''' || CASE WHEN length(word) < 3 THEN ':*' ELSE '' END, ' & ') || ')')::tsquery
    FROM generate_series(1, length(word), 3) n
$$;
CREATE INDEX catalog_wording_threes ON catalog_wording USING gin (catalog_threes(text));
"""
_NO_INDEX = """
DROP INDEX catalog_wording_threes;
DROP FUNCTION catalog_sought(text);
DROP FUNCTION catalog_threes(text);
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0004_search")]
    operations = [migrations.RunSQL(_WORDING, _NO_WORDING), migrations.RunSQL(_INDEX, _NO_INDEX)]
