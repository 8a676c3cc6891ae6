"""Whole views as files: made once for all who see the same, kept for a while, and read under one's own decision."""
