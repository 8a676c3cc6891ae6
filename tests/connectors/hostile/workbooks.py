"""Workbooks that no spreadsheet program writes."""

import io
import random
import zipfile
from collections.abc import Iterable

_NS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType='
    f'"application/xml"/><Override PartName="/xl/workbook.xml" ContentType="{_SHEET_TYPE}"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" '
    f'Type="{_REL}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook {_NS} xmlns:r="{_REL}"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets>'
    "</workbook>",
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" '
    f'Type="{_REL}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}
HEADER = "".join(
    f'<c r="{column}1" t="inlineStr"><is><t>{name}</t></is></c>' for column, name in zip("ABC", ("id", "name", "at"))
)


def sheet(rows: Iterable[str] = (), doctype: str = "", cell: str = "") -> bytes:
    """A workbook of the header that streams here have, one row with ``cell``, and further rows as XML."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in _PARTS.items():
            archive.writestr(name, part)
        with archive.open("xl/worksheets/sheet1.xml", "w") as out:
            first = f'<row r="2"><c r="A2"><v>1</v></c><c r="B2" t="str"><v>{cell}</v></c></row>'
            out.write(f'{doctype}<worksheet {_NS}><sheetData><row r="1">{HEADER}</row>{first}'.encode())
            for row in rows:
                out.write(row.encode())
            out.write(b"</sheetData></worksheet>")
    return stream.getvalue()


def of_empty_rows(count: int) -> bytes:
    """A small file whose rows hold nothing: it takes long to read, and gives no rows all the while."""
    draw = random.Random(1)
    return sheet(f'<row r="{n}" x="{draw.randbytes(6).hex()}"><c r="A{n}"/></row>' for n in range(3, count + 3))


def beyond_all_rows() -> bytes:
    return sheet(['<row r="1000000000"><c r="A1000000000"><v>2</v></c></row>'])


def with_entities(body: str, cell: str) -> bytes:
    return sheet(doctype=f"<!DOCTYPE worksheet [{body}]>", cell=cell)
