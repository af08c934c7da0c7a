"""The approval domain, its store and its surfaces. It knows nothing of MCP."""
