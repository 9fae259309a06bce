"""How good the results of a bundle are beside labels: joined, scored, summarised, and written for people to read."""
