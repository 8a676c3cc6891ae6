"""The portal's pages: read the request, ask or command, render."""
