"""How a view becomes a file: rows in, bytes out, in constant memory; nothing in it depends on a clock or on chance."""

from hub.query.formats.base import FORMATS, Column, Form, Writer, form_of, writer

__all__ = ["FORMATS", "Column", "Form", "Writer", "form_of", "writer"]
