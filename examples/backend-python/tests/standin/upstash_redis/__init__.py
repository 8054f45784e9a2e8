"""Stands in for the package upstash-redis where that cannot be installed."""
