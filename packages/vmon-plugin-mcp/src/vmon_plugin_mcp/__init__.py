"""The MCP plugin of vmon: the monitor as tools for an AI agent."""
