"""The organ tree: body regions, organs, views and parts, and which of them a table names."""
