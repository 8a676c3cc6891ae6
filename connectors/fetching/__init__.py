"""Brings what lies elsewhere: only from where a source may reach, patiently, with an end that is sure to come."""
