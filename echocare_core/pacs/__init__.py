"""A PACS: its studies into a folder that is read like an export, and results back into it, each as it is stored."""
