"""`python -m echocare_core` is the command `echocare`."""

from echocare_core.cli import main

if __name__ == "__main__":
    main()
