"""Settings for all tests that hypothesis drives."""

import signal

from hypothesis import settings

# Whoever starts the tests in the background or under nohup ignores these, and so would every program that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# A busy machine is no failure: the limit of time for a test is pytest's. Each run invents other examples; thirty of the
# usual hundred keep the whole folder within some minutes.
settings.register_profile("riverpost", deadline=None, max_examples=30)
settings.load_profile("riverpost")
