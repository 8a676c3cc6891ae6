"""The shapes of bodies and answers, one module per kind of thing."""
