"""A MONAI Deploy application that runs the bundles of its model folder on an ultrasound study."""

from echocare_core.integrations.deploy.application import main

if __name__ == "__main__":
    main()
