"""`python -m echocare_core.integrations.deploy -i STUDY -o OUT -m BUNDLE`."""

from __future__ import annotations

from echocare_core.integrations.deploy.application import main

if __name__ == "__main__":
    main()
