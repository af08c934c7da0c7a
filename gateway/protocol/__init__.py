"""Pure: MCP messages, both eras, without I/O."""
