"""What all tests have in common, those of plugins too."""

from hypothesis import settings

# A test is no benchmark: how long an example takes says how busy the machine is.
settings.register_profile("curator", deadline=None)
settings.load_profile("curator")
