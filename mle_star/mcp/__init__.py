"""The server of the Model Context Protocol: an assistant starts, watches, steers and reads runs.

The protocol's package comes with the extra ``mcp``; :mod:`mle_star.mcp.server` alone needs it.
"""
