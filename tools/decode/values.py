"""How numbers, times and channels are shown, in every digit: what is decoded is not rounded.

Rules of this file: integers all the way; times in UTC, for bytes do not say where their station is.
"""

from datetime import UTC, datetime, timedelta

from gateway import words
from tools.decode.found import Ask
from wire.reading import QUALITIES, QUALITY_NAMES, QUANTITIES, TIME_QUALITY_NAMES

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def scaled(number: int, decimals: int) -> str:
    """177143 with 3 decimals is "177.143"; minus is "−"."""
    whole, rest = divmod(abs(number), 10**decimals)
    text = f"{whole:,}" + (f".{rest:0{decimals}d}" if decimals else "")
    return f"−{text}" if number < 0 else text


def value(code: int, number: int | None) -> str:
    """A value of the quantity `code` with its unit; a code that we do not know has none."""
    if number is None:
        return "—"
    if code not in QUANTITIES:
        return scaled(number, 0)
    name, _, _, _, _, decimals = QUANTITIES[code]
    return f"{scaled(number, decimals)} {words.SHOWN[name][2]}".rstrip()


def quantity(code: int, lang: str) -> str:
    """The word for a quantity; axes keep their letter."""
    if code not in QUANTITIES:
        return f"? {code}"
    name = QUANTITIES[code][0]
    axis = next((f" {letter.upper()}" for letter in "xyz" if f"_{letter}_" in name), "")
    return words.word(words.QUANTITY_WORDS[name], lang) + axis


def quality(flag: int, ask: Ask) -> str:
    """ "" for a good value, else the word in brackets."""
    if flag == QUALITIES[0]:
        return ""
    if flag not in QUALITY_NAMES:
        return f" ({ask.say('no_such', number=flag)})"
    return f" ({words.word(QUALITY_NAMES[flag], ask.lang).lower()})"


def time(unix_s: int, ms: int = 0) -> str:
    """ "2020-06-01 08:00:00", with milliseconds where there are any; a number that is no time stays a number."""
    try:
        shown = (_EPOCH + timedelta(seconds=unix_s)).strftime("%Y-%m-%d %H:%M:%S")
    except OverflowError:
        return str(unix_s)
    return f"{shown}.{ms:03d}" if ms else shown


def time_ms(unix_ms: int) -> str:
    return time(unix_ms // 1000, unix_ms % 1000)


def time_quality(flag: int, ask: Ask) -> str:
    known = TIME_QUALITY_NAMES.get(flag)
    return ask.say(f"time_{known}") if known else ask.say("no_such", number=flag)


def slot(code: int, flag: int, number: int | None, age_ms: int, ask: Ask) -> str:
    """A now-value: what, how much, how good, how old."""
    age = ("≥ " if age_ms == 0xFFFF else "") + words.age(age_ms, ask.lang)
    mark = quality(flag, ask)
    return f"{quantity(code, ask.lang)} {value(code, number)}{mark}, {age}"


def version(number: int) -> str:
    return f"{number >> 8}.{number & 0xFF}"
