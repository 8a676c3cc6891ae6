"""File formats: each turns an open file into a table of text cells."""
