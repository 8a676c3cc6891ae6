"""Django's PostgreSQL backend, which here asks a lasting connection for its health without asking the server."""
