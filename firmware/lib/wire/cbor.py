"""CBOR (RFC 8949) into a fixed buffer and back: the deterministic subset that a board sends and takes.

Rules of this file: definite lengths, shortest heads, integers of up to 64 bits, byte and text strings, arrays, maps
with integer keys in -24..23 in ascending order of their encoded byte, true, false, null. Nothing else is encoded.
A message that does not fit its buffer raises; it is never cut.
"""

_UINT = 0x00
_NEGATIVE = 0x20
_BYTES = 0x40
_TEXT = 0x60
ARRAY = 0x80
MAP = 0xA0
_FALSE = 0xF4
_TRUE = 0xF5
_NULL = 0xF6
NESTING_MAX = 8


class DecodeError(ValueError):
    """Bytes that are not one whole value of the subset."""


class EncodeError(ValueError):
    """A value that the subset has not, or a message longer than the buffer."""


class Encoder:
    """Writes one message at a time into its own buffer of `size` bytes; `encode()` gives a view of what was written."""

    def __init__(self, size: int):
        self.use(memoryview(bytearray(size)))

    def use(self, view: memoryview) -> None:
        """Write into `view` from now on."""
        self._view = view
        self.length = 0

    def encode(self, value) -> memoryview:
        """Encode `value` from the start of the buffer; the view is valid until the next call. EncodeError."""
        self.length = 0
        self._put(value, 0)
        return self._view[: self.length]

    def _put(self, value, depth):
        if depth > NESTING_MAX:
            raise EncodeError("nested deeper than %d" % NESTING_MAX)
        if value is None:
            self._byte(_NULL)
        elif value is True:
            self._byte(_TRUE)
        elif value is False:
            self._byte(_FALSE)
        elif isinstance(value, int):
            if value >= 0:
                self._head(_UINT, value)
            else:
                self._head(_NEGATIVE, -1 - value)
        elif isinstance(value, (bytes, bytearray, memoryview)):
            self._head(_BYTES, len(value))
            self._raw(value)
        elif isinstance(value, str):
            try:
                raw = value.encode()
            except UnicodeError:
                raise EncodeError("text with half a character")
            self._head(_TEXT, len(raw))
            self._raw(raw)
        elif isinstance(value, (list, tuple)):
            self._head(ARRAY, len(value))
            for item in value:
                self._put(item, depth + 1)
        elif isinstance(value, dict):
            self._put_map(value, depth)
        else:
            raise EncodeError("no encoding for %s" % type(value))

    def _put_map(self, value, depth):
        for key in value:
            if not isinstance(key, int) or isinstance(key, bool) or not -24 <= key <= 23:
                raise EncodeError("map keys are integers in -24..23")
        self._head(MAP, len(value))
        # One byte a key: 0..23 encode as 00..17, -1..-24 as 20..37; that is also their order (RFC 8949, 4.2.1).
        for key in sorted(value, key=_key_byte):
            self._byte(_key_byte(key))
            self._put(value[key], depth + 1)

    def _head(self, major, number):
        if number < 24:
            self._byte(major | number)
            return
        for info, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
            if number < 1 << (8 * width):
                self._byte(major | info)
                for shift in range(8 * (width - 1), -8, -8):
                    self._byte(number >> shift & 0xFF)
                return
        raise EncodeError("integer of more than 64 bits")

    def _byte(self, byte):
        if self.length >= len(self._view):
            raise EncodeError("message longer than %d bytes" % len(self._view))
        self._view[self.length] = byte
        self.length += 1

    def _raw(self, data):
        if self.length + len(data) > len(self._view):
            raise EncodeError("message longer than %d bytes" % len(self._view))
        self._view[self.length : self.length + len(data)] = data
        self.length += len(data)


def _key_byte(key):
    return key if key >= 0 else _NEGATIVE | (-1 - key)


def decode(data):
    """The one value in `data`; where that is a view its byte strings are views into it, for a full memory may have no
    room for a second one. DecodeError for anything outside the subset, also for long heads.
    """
    value, at = value_at(data, 0, 0)
    if at != len(data):
        raise DecodeError("bytes behind the value")
    return value


def value_at(data, at, depth):
    """(value, where it ends) of the value that begins at `at`, `depth` levels within another. DecodeError."""
    if depth > NESTING_MAX:
        raise DecodeError("nested deeper than %d" % NESTING_MAX)
    major, number, at = head_at(data, at)
    if major == _UINT:
        return number, at
    if major == _NEGATIVE:
        return -1 - number, at
    if major in (_BYTES, _TEXT):
        end = at + number
        if end > len(data):
            raise DecodeError("string longer than the message")
        raw = data[at:end]
        if major == _TEXT:
            return _text(bytes(raw)), end
        return (raw if isinstance(data, memoryview) else bytes(raw)), end
    if major == ARRAY:
        items = []
        for _ in range(number):
            item, at = value_at(data, at, depth + 1)
            items.append(item)
        return items, at
    if major == MAP:
        return _map_at(data, at, number, depth)
    byte = data[at - 1]
    if byte == _NULL:
        return None, at
    if byte in (_TRUE, _FALSE):
        return byte == _TRUE, at
    raise DecodeError("no value for byte %d" % byte)


def _map_at(data, at, count, depth):
    found = {}
    last = -1
    for _ in range(count):
        last = key_at(data, at, last)
        found[last if last < 24 else _NEGATIVE - 1 - last], at = value_at(data, at + 1, depth + 1)
    return found, at


def key_at(data, at, last):
    """The byte of the map's key at `at`; the one before was `last`, -1 = none. DecodeError."""
    if at >= len(data):
        raise DecodeError("message ends within a map")
    byte = data[at]
    if not (byte < 24 or _NEGATIVE <= byte < _NEGATIVE + 24):
        raise DecodeError("map keys are integers in -24..23")
    if byte <= last:
        raise DecodeError("map keys out of order")
    return byte


def head_at(data, at):
    """(major, number, where it ends); simple values are their own major."""
    if at >= len(data):
        raise DecodeError("message ends within a value")
    major = data[at] & 0xE0
    number = data[at] & 0x1F
    at += 1
    if number < 24 or major == 0xE0:
        return major, number, at
    if number > 27:
        raise DecodeError("indefinite lengths are not taken")
    width = 1 << (number - 24)
    if at + width > len(data):
        raise DecodeError("message ends within a number")
    number = 0
    for _ in range(width):
        number = number << 8 | data[at]
        at += 1
    if number < (24 if width == 1 else 1 << (4 * width)):
        raise DecodeError("number in a longer head than it needs")
    return major, number, at


def _text(raw):
    try:
        return raw.decode()
    except UnicodeError:
        raise DecodeError("text that is no UTF-8")
