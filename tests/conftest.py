"""Settings for all tests that hypothesis drives."""

from hypothesis import settings

# A busy machine is no failure: the limit of time for a test is pytest's.
settings.register_profile("riverpost", deadline=None)
settings.load_profile("riverpost")
