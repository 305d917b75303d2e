"""What a person wants done at a station: the map below K_ACTION of a command (telemetry.cddl).

Rules of this file: kinds are places in ACTIONS and keys are numbers; neither is ever reused.
"""

# Keys of an action, the map below K_ACTION.
A_KIND = 0  # place in ACTIONS
A_ACTOR = 1  # who wants it: the name or number by which people on duty know each other
A_TIER = 2  # where that person sits: station, district, city ...
A_RULE = 3
A_CHANNEL = 4
A_LEVEL = 5  # the level that was seen when the alarm was acknowledged
A_REASON = 6
A_UNTIL_MS = 7  # unix ms
A_MODE = 8  # place in MODES
A_SIREN = 9  # does the siren sound in an exercise or a test?
A_OPERATING = 10  # place in OPERATING; absent = as the calendar says
A_QUANTITY = 11
A_VALUE = 12  # in the quantity's sub-unit
A_AT_MS = 13  # when it was observed
A_DURATION_MS = 14

ACTIONS = (
    "acknowledge",
    "silence",
    "sound",
    "shelve",
    "unshelve",
    "out-of-service",
    "in-service",
    "reset",
    "mode",
    "operating",
    "observe",
    "staff",
    "re-zero",
    "self-test",
    "mute",
    "test-detector",
    "undo-re-zero",
)
