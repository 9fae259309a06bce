"""Features to task output: one task, one module."""
