"""The page of an evaluation: one HTML file that opens in any browser, offline, and prints on A4."""
