"""One module of views per kind of thing."""
