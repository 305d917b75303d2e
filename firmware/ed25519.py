"""Ed25519 signatures (RFC 8032, 5.1): checking only, in steps, so that the bus is answered meanwhile.

Rules of this file: whole numbers only; nothing here is secret, so nothing takes care to need equal times. Strict where
the standard leaves a choice: s below the order of the group, a key only in its one encoding and never of small order
(with it anybody could sign), no multiplication by the cofactor. R is never decoded: it must be the bytes that come out.
"""

P = (1 << 255) - 19
ORDER = (1 << 252) + 27742317777372353535851937790883648493
KEY_BYTES = 32
SIGNATURE_BYTES = 64
BITS = 253  # Of every number below the order.

_D = 37095705934669439343138083508754565189542113879843219016388785533085940283555  # -121665 / 121666
_SQRT_MINUS_1 = 19681161376707505956807079304988542015446066515923890162744021073123829784752
_BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_BASE_Y = 46316835694926478169428394003475163141307993866256225615783033603165251855960
_MASK = (1 << 64) - 1
_ROUNDS = 80
_BLOCK_BYTES = 128
_ROUNDS_A_STEP = 4
_DIVISORS_END = 21  # Its square, 441, lies above the 80th prime, 409.


def verify(key: bytes, message: bytes, signature: bytes):
    """A generator that returns whether `signature` of `message` is by the owner of `key`.

    From one yield to the next it takes a few milliseconds on an RP2040.
    """
    if len(key) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= ORDER:
        return False
    point = yield from _decoded(key)
    if point is None:
        return False
    digest = yield from sha512(signature[:32] + key + message)
    found = yield from _encoded(s, int.from_bytes(digest, "little") % ORDER, point)
    return found == signature[:32]


def sha512(data: bytes):
    """A generator that returns the digest (FIPS 180-4, 6.4). The stock images have SHA-256 only."""
    state = []
    # As numbers they would take 2 KB more; in one piece more than a full memory may have side by side.
    constants = [bytearray(8 * _ROUNDS_A_STEP) for _ in range(0, _ROUNDS, _ROUNDS_A_STEP)]
    for i, prime in enumerate(_primes(_ROUNDS)):
        at = 8 * (i % _ROUNDS_A_STEP)
        constants[i // _ROUNDS_A_STEP][at : at + 8] = (_root(prime << 192, 3) & _MASK).to_bytes(8, "big")
        if len(state) < 8:
            state.append(_root(prime << 128, 2) & _MASK)
        if i % _ROUNDS_A_STEP == 0:
            yield
    whole = data + b"\x80" + bytes(-(len(data) + 17) % _BLOCK_BYTES) + (8 * len(data)).to_bytes(16, "big")
    for at in range(0, len(whole), _BLOCK_BYTES):
        words = [int.from_bytes(whole[i : i + 8], "big") for i in range(at, at + _BLOCK_BYTES, 8)]
        mixed = list(state)
        for i in range(_ROUNDS):
            at_constant = 8 * (i % _ROUNDS_A_STEP)
            constant = constants[i // _ROUNDS_A_STEP][at_constant : at_constant + 8]
            _round(mixed, words, i, int.from_bytes(constant, "big"))
            if i % _ROUNDS_A_STEP == 0:
                yield
        state = [(a + b) & _MASK for a, b in zip(state, mixed)]
    return b"".join([word.to_bytes(8, "big") for word in state])


def _round(state, words, i, constant):
    """Round `i`; `words` holds the 16 last of the schedule."""
    a, b, c, d, e, f, g, h = state
    word = words[i & 15]
    one = _turned(e, 14, 18, 41)
    two = _turned(a, 28, 34, 39)
    mixed = h + one + ((e & f) ^ (~e & g)) + constant + word
    state[:] = ((mixed + two + ((a & b) ^ (a & c) ^ (b & c))) & _MASK, a, b, c, (d + mixed) & _MASK, e, f, g)
    low, high = words[i + 1 & 15], words[i + 14 & 15]
    low = _turned(low, 1, 8, 0) ^ low ^ low >> 7
    high = _turned(high, 19, 61, 0) ^ high ^ high >> 6
    words[i & 15] = (word + low + words[i + 9 & 15] + high) & _MASK


def _turned(word, first, second, third):
    """`word` turned right by each of the three, XORed."""
    twice = word << 64 | word
    return (twice >> first ^ twice >> second ^ twice >> third) & _MASK


def _primes(count):
    """A generator that gives the first `count` primes."""
    number = 1
    for _ in range(count):
        number += 1
        while not all(number % divisor for divisor in range(2, min(number, _DIVISORS_END))):
            number += 1
        yield number


def _root(number, degree):
    """The whole part of the square or cube root."""
    root = 1 << 67  # Above every root that is asked for.
    while True:
        lower = ((degree - 1) * root + number // root ** (degree - 1)) // degree
        if lower >= root:
            return root
        root = lower


# The curve: -x^2 + y^2 = 1 + d x^2 y^2 mod P, points as (X, Y, Z, T) with x = X/Z, y = Y/Z, x y = T/Z.


def _decoded(key):
    """A generator that returns the point (x, y) that `key` encodes; None if there is none, or one of small order."""
    y = int.from_bytes(key, "little")
    odd = y >> 255
    y &= (1 << 255) - 1
    if y >= P:
        return None
    u, v = (y * y - 1) % P, (_D * y * y + 1) % P
    v3 = v * v * v % P
    power = yield from _power(u * v3 * v3 % P * v % P, (P - 5) // 8)
    x = power * u * v3 % P
    if v * x * x % P != u:
        x = x * _SQRT_MINUS_1 % P
    if v * x * x % P != u or (x == 0 and odd):
        return None
    if x & 1 != odd:
        x = P - x
    point = (x, y, 1, x * y % P)
    for _ in range(3):
        point = _doubled(point)
    return None if point[0] == 0 else (x, y)  # Eight times a point of small order is (0, 1).


def _power(number, exponent):
    """A generator that returns number^exponent mod P."""
    result = 1
    for i in range(254, -1, -1):
        result = result * result % P
        if exponent >> i & 1:
            result = result * number % P
        if i & 15 == 0:
            yield
    return result


def _encoded(s, k, point):
    """A generator that returns the encoding of s B - k A, for the base point B and the point A = (x, y)."""
    x, y = point
    base = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % P)
    minus = (P - x, y, 1, (P - x) * y % P)
    table = (None, _ready(base), _ready(minus), _ready(_added(base, _ready(minus))))
    total = (0, 1, 1, 0)
    for i in range(BITS - 1, -1, -1):
        total = _doubled(total)
        which = (s >> i & 1) | (k >> i & 1) << 1
        if which:
            total = _added(total, table[which])
        yield
    inverse = yield from _power(total[2], P - 2)
    x, y = total[0] * inverse % P, total[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _doubled(point):
    x, y, z, _ = point
    a = x * x % P
    b = y * y % P
    h = a + b
    e = h - (x + y) * (x + y) % P
    g = a - b
    f = 2 * z * z % P + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def _ready(point):
    """What `_added` needs of its second point."""
    x, y, z, t = point
    return (y - x) % P, (y + x) % P, 2 * _D * t % P, 2 * z


def _added(point, other):
    x, y, z, t = point
    minus, plus, t2, z2 = other
    a = (y - x) * minus % P
    b = (y + x) * plus % P
    c = t * t2 % P
    d = z * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P
