"""The MCP gateway and its policy. It uses `approvals` through the desk."""
