"""What is wrong with a text as JSON to keep: a function, for depth is found by parsing, which a cell too deep breaks off."""

from django.db import migrations

_FUNCTION = r"""
CREATE FUNCTION store_json_fault(cell text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    IF octet_length(cell) > 16777216 THEN
        RETURN 'size';
    END IF;
    IF length(cell) - length(translate(cell, '[{', '')) > 500 THEN
        BEGIN
            IF jsonb_path_exists(cell::jsonb, '$.**{501}') THEN
                RETURN 'depth';
            END IF;
        EXCEPTION
            WHEN statement_too_complex THEN RETURN 'depth';
            WHEN data_exception THEN RETURN 'type';
        END;
    END IF;
    IF NOT pg_input_is_valid(cell, 'jsonb') THEN
        RETURN 'type';
    END IF;
    -- jsonb writes 1e131071 out with all its digits: the exponents outside of texts say how many they come to.
    IF cell ~ '[0-9][eE][+-]?[0-9]{2}' AND octet_length(cell) + (
        SELECT coalesce(sum(exponent[1]::numeric), 0)
        FROM regexp_matches(
            regexp_replace(cell, '"(\\.|[^"\\])*"', '', 'g'), '[0-9.][eE][+-]?([0-9]+)', 'g'
        ) AS exponent
    ) > 16777216 THEN
        RETURN 'size';
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("store", "0002_schemas")]
    operations = [migrations.RunSQL(_FUNCTION, "DROP FUNCTION store_json_fault(text);")]
