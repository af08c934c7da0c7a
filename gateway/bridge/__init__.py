"""The inside of `placet stdio`: a stdio MCP client on one side, the gateway's HTTP endpoint on the other."""
