"""Quantities, units and flags: the vocabulary of every reading, from pin to center.

Rules of this file: numbers are integers in fixed sub-units; codes are never reused; a value that is
not known is None, never a number.
"""

# Quality of one reading (QARTOD, IOOS manual "Real-Time Quality Control" v1.2, table of flags).
GOOD = 1
NOT_EVALUATED = 2
SUSPECT = 3
FAIL = 4
MISSING = 9
QUALITIES = (GOOD, NOT_EVALUATED, SUSPECT, FAIL, MISSING)
QUALITY_NAMES = {GOOD: "good", NOT_EVALUATED: "not evaluated", SUSPECT: "suspect", FAIL: "fail", MISSING: "missing"}

# Precedence when several flags meet on one reading: the later in this tuple wins (QARTOD roll-up).
_ROLL_UP = (MISSING, NOT_EVALUATED, GOOD, SUSPECT, FAIL)

# Time quality of a row.
NEVER = 0  # The clock was never set since this boot: only boot and uptime are known.
HOLDOVER = 1  # Set once, but the last setting is older than HOLDOVER_AFTER_S.
SYNCED = 2
TIME_QUALITIES = (NEVER, HOLDOVER, SYNCED)
TIME_QUALITY_NAMES = {NEVER: "never", HOLDOVER: "holdover", SYNCED: "synced"}
HOLDOVER_AFTER_S = 6 * 3600  # 20 ppm of a cheap crystal is 0.4 s in 6 h: below the 1 s resolution of a tip.

VALUE_MIN = -0x7FFFFFFF  # A value is a 32-bit integer; the most negative one marks "no value" in packed forms.
VALUE_MAX = 0x7FFFFFFF

# Codes of the quantities.
GAP_MM = 1
HEAD_MM = 2
RAIN_UM = 3
TILT_X_MDEG = 4
TILT_Y_MDEG = 5
CRACK_UM = 6
SMOKE_MDBM = 7
SMOKE_CONTACT = 8
TEMP_CDEG = 9
SUPPLY_MV = 10
HUMIDITY_PERMIL = 11
LEVEL_MM = 12
DISTANCE_SPREAD_MM = 13
ACC_X_UG = 20
ACC_Y_UG = 21
ACC_Z_UG = 22
TURN_MDEG = 23
TURN_MDEG_PER_DAY = 24

SMOKE_LOWEST_MDBM, SMOKE_HIGHEST_MDBM = -500, 20_000  # The chamber's driver keeps to them.

# code: (name, unit of the integer, lowest, highest plausible value, unit a person reads, decimals of the integer).
# "decimals" is the power of ten between the integer and the person's unit: 12_345 mm is 12.345 m with 3.
# The range is what any sensor of the field could give; a profile narrows it. Outside it a reading is FAIL.
QUANTITIES = {
    GAP_MM: ("gap_mm", "mm", 0, 60_000, "m", 3),  # Air gap from the sensor down to the water (radar, ultrasonic).
    HEAD_MM: ("head_mm", "mm", -1_000, 300_000, "m", 3),  # Pressure head of water above the sensor; boreholes are deep.
    RAIN_UM: ("rain_um", "um", 0, VALUE_MAX, "mm", 3),  # Cumulative rain, wraps at RAIN_WRAP_UM.
    TILT_X_MDEG: ("tilt_x_mdeg", "mdeg", -90_000, 90_000, "deg", 3),
    TILT_Y_MDEG: ("tilt_y_mdeg", "mdeg", -90_000, 90_000, "deg", 3),
    CRACK_UM: ("crack_um", "um", -500_000, 500_000, "mm", 3),
    SMOKE_MDBM: ("smoke_mdbm", "0.001 dB/m", SMOKE_LOWEST_MDBM, SMOKE_HIGHEST_MDBM, "dB/m", 3),  # Obscuration.
    SMOKE_CONTACT: ("smoke_contact", "0/1", 0, 1, "", 0),  # Alarm contact of a certified detector: 1 = alarm.
    TEMP_CDEG: ("temp_cdeg", "0.01 degC", -6_000, 15_000, "degC", 2),
    SUPPLY_MV: ("supply_mv", "mV", 0, 60_000, "V", 3),
    HUMIDITY_PERMIL: ("humidity_permil", "permil", 0, 1_000, "%", 1),
    LEVEL_MM: ("level_mm", "mm", -500_000, 9_000_000, "m", 3),  # Elevation over a datum: derived at the gateway only.
    DISTANCE_SPREAD_MM: (
        "distance_spread_mm",
        "mm",
        0,
        60_000,
        "mm",
        0,
    ),  # Spread of the samples behind a level reading.
    # Acceleration along an axis. A sensor that gives counts of no known scale has 1,000 for each of them.
    ACC_X_UG: ("acc_x_ug", "ug", VALUE_MIN, VALUE_MAX, "g", 6),
    ACC_Y_UG: ("acc_y_ug", "ug", VALUE_MIN, VALUE_MAX, "g", 6),
    ACC_Z_UG: ("acc_z_ug", "ug", VALUE_MIN, VALUE_MAX, "g", 6),
    TURN_MDEG: (
        "turn_mdeg",
        "mdeg",
        0,
        180_000,
        "deg",
        3,
    ),  # From a baseline, whichever way: derived at the gateway only,
    TURN_MDEG_PER_DAY: ("turn_mdeg_per_day", "mdeg/d", 0, VALUE_MAX, "deg/d", 3),  # as is how fast.
}
DERIVED = ("level_mm", "turn_mdeg", "turn_mdeg_per_day")  # No sensor measures these.
QUANTITY_CODES = {row[0]: code for code, row in QUANTITIES.items()}

# Rows carry low, high and spread of these only: waves make one number of a level row too little (decision 13).
WITH_STATS = (GAP_MM, HEAD_MM)

# 99,999.9 mm and then 0 again: SL 651-2014 table 5 gives the counter six digits of 0.1 mm.
RAIN_WRAP_UM = 100_000_000


def in_range(code: int, value: int) -> bool:
    """Is `value` (integer sub-unit) inside the widest plausible span of quantity `code`? KeyError for no such code."""
    row = QUANTITIES[code]
    return row[2] <= value <= row[3]


def worst(quality_a: int, quality_b: int) -> int:
    """The flag that stands when two meet: missing < not evaluated < good < suspect < fail. ValueError for no flag."""
    return _ROLL_UP[max(_ROLL_UP.index(quality_a), _ROLL_UP.index(quality_b))]


def rain_since(now_um: int, before_um: int) -> int:
    """Rain between two cumulative readings in micrometres, across one wrap of the counter."""
    return (now_um - before_um) % RAIN_WRAP_UM
