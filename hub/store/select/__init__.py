"""The way out for rows: one flat query of masks, filters and pages, with its gate and its event; for the door alone."""
