"""Indexes beside the key's: wanted by owners or by measured use, built beside readers and loads, dropped when idle."""
