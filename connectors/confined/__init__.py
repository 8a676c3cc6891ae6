"""Looks into files where they can do no harm: in a process of its own, without network, secrets or much memory."""
