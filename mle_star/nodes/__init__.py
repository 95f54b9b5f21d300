"""What each phase does.

A node decides nothing about the route: edges live in :mod:`mle_star.graph`.
"""
