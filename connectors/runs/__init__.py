"""A run from the moment it is due to its last word."""
