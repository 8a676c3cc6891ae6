"""Proposes field types and says where personal data may be, from a sample of a source's text cells."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from itertools import islice
from typing import Final

from connectors.base import Column
from connectors.batches import MISSING
from connectors.columns import field_names

SAMPLE: Final = 10_000
SHOWN: Final = 5
# What files write for "no value"; proposed to the administrator, never taken for granted.
MISSING_WORDS: Final = ("", "NA", "N/A", "NULL", "null")
_SHARE: Final = 0.8


def columns(titles: Sequence[str], rows: Sequence[Sequence[str]], missing: Iterable[str] = ()) -> tuple[Column, ...]:
    """A column for each title, typed by the sample rows; ``missing`` are the texts that mean no value."""
    absent = {MISSING, *missing}
    values = [[cell for cell in cells if cell not in absent] for cells in zip(*rows, strict=True)]
    values = values or [[] for _ in titles]
    return tuple(
        found(Column(name=name, type=type_of(cells), title="" if title == name else title), cells)
        for name, title, cells in zip(field_names(titles), titles, values, strict=True)
    )


def found(column: Column, values: Sequence[str]) -> Column:
    """The column with the personal data that its name or its values suggest, if they do."""
    hint, ground = personal_data(column.title or column.name, values)
    return replace(column, hint=hint, ground=ground)


def samples(rows: Iterable[Sequence[str | None]]) -> tuple[tuple[str | None, ...], ...]:
    """The first rows as they are shown to an administrator."""
    return tuple(tuple(None if cell == MISSING else cell for cell in row) for row in islice(rows, SHOWN))


def missing_words(rows: Iterable[Sequence[str]]) -> list[str]:
    """The words for "no value" that occur in the sample."""
    seen = {cell for row in rows for cell in row if len(cell) <= 4}
    return [word for word in MISSING_WORDS if word in seen]


def type_of(values: Sequence[str]) -> str:
    """The narrowest of the hub's field types that all of ``values`` have; ``string`` for none."""
    for name, fits in _TYPES:
        if values and all(map(fits, values)):
            return name
    return "string"


def _matches(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern).fullmatch


def _parses(pattern: str, parse: Callable[[str], object]) -> Callable[[str], bool]:
    match = _matches(pattern)

    def fits(text: str) -> bool:
        if not match(text):
            return False
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return fits


# No leading zeros: 007 is a code. Nineteen digits may pass 64 bits, and so many are an identifier anyway.
_TYPES: Final[tuple[tuple[str, Callable[[str], object]], ...]] = (
    ("boolean", _matches(r"true|false")),
    ("integer", _matches(r"-?(0|[1-9][0-9]{0,17})")),
    ("decimal", _matches(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")),
    ("number", _matches(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)")),
    ("number", _matches(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")),
    ("date", _parses(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", date.fromisoformat)),
    ("datetime", _parses(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?",
        datetime.fromisoformat,
    )),
    ("time", _parses(r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?", time.fromisoformat)),
    ("json", _parses(r"(?s)[\[{].*[\]}]", json.loads)),
)  # fmt: skip

_NAMES: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (word, re.compile(pattern, re.IGNORECASE))
    for word, pattern in (
        ("id-number", r"身份证|证件号|id_?card|(^|_)(ssn|nin|national_?id|identity_?(no|number))($|_)"),
        ("passport", r"护照|passport"),
        ("phone", r"电话|手机|联系方式|(^|_)(phone|mobile|tel|telephone|cell)($|_|no|number)"),
        ("email", r"邮箱|电子邮件|e_?mail"),
        ("bank-account", r"银行卡|银行账号|账号|iban|bank_?(account|card)|card_?(no|number)"),
        ("vehicle-plate", r"车牌|(^|_)(licen[cs]e_?)?plate($|_|no|number)"),
        ("birth-date", r"出生|生日|birth|(^|_)dob($|_)"),
        ("address", r"住址|家庭地址|通讯地址|(^|_)(street|home_?address|postal_?address|address)($|_)"),
        ("health", r"病历|诊断|病史|diagnosis|patient|disability|残疾"),
        ("person-name", r"姓名|联系人|法定代表人|(^|_)((first|last|family|given|full)_?name|surname|contact_?person)"),
        ("sex", r"性别|(^|_)(sex|gender)($|_)"),
        ("religion-or-ethnicity", r"民族|宗教|ethnic|religio"),
    )
)


def personal_data(title: str, values: Sequence[str]) -> tuple[str, str]:
    """A word for the personal data that a column's name or most of its values suggest, and what says so.

    The ground repeats no value. Both are empty without a finding.
    """
    spaced = re.sub(r"[^\w]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", title))
    for word, pattern in _NAMES:
        match = pattern.search(spaced)
        if match:
            return word, f"Its name holds {match[0].strip('_')!r}."
    for word, fits in _VALUES:
        count = sum(bool(fits(value)) for value in values)
        if count and count >= _SHARE * len(values):
            return word, f"{count} of {len(values)} sample values are written like one."
    return "", ""


def _is_id_number(text: str) -> bool:
    """A resident identity number of China, with its check digit (GB 11643-1999)."""
    if not re.fullmatch(r"[1-9][0-9]{5}(18|19|20)[0-9]{9}[0-9Xx]", text):
        return False
    total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(text[:17]))
    return "10X98765432"[total % 11] == text[17].upper()


def _is_card_number(text: str) -> bool:
    """A payment card number, with its check digit (ISO/IEC 7812-1)."""
    if not re.fullmatch(r"[3-6][0-9]{15,18}", text):
        return False
    digits = [int(digit) for digit in reversed(text)]
    return sum(digits[::2] + [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]) % 10 == 0


_PROVINCES: Final = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"

_VALUES: Final[tuple[tuple[str, Callable[[str], object]], ...]] = (
    ("email", _matches(r"[^@\s]+@[^@\s]+\.[^@\s]{2,}")),
    ("phone", _matches(r"(\+?86[- ]?)?1[3-9][0-9]{9}|\+[1-9][0-9]{0,2}[- ]?[0-9][0-9 -]{6,13}")),
    ("id-number", _is_id_number),
    ("bank-account", _is_card_number),
    (
        "vehicle-plate",
        _matches(r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][·. ]?[A-Z0-9]{5,6}"),
    ),
)
