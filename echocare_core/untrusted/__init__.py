"""What a stranger's bundle or a command line would run, told without running or importing any of it."""
