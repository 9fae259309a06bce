"""Images of many data sets as one stream: tables and shards, their mix, its order, and batches of square pictures."""
