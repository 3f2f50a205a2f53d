"""Keeps the tunnels of this host up, and the routes on those that carry. Standard library only, Python 3.9 or newer."""
