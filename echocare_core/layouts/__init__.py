"""Public data sets, as they are downloaded, to tables that bundles train from."""

from echocare_core.layouts.write import write_table

__all__ = ["write_table"]
