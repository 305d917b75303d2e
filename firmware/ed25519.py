"""Ed25519 signatures (RFC 8032, 5.1): checking only, in steps, so that the bus is answered meanwhile.

Rules of this file: whole numbers only; nothing here is secret, so nothing takes care to need equal times. Strict where
the standard leaves a choice: s below the order of the group, a key only in its one encoding and never of small order
(with it anybody could sign), no multiplication by the cofactor. R is never decoded: it must be the bytes that come out.
"""

P = (1 << 255) - 19
ORDER = (1 << 252) + 27742317777372353535851937790883648493
KEY_BYTES = 32
SIGNATURE_BYTES = 64
DIGEST_BYTES = 64
BITS = 253  # Of every number below the order.

_D = 37095705934669439343138083508754565189542113879843219016388785533085940283555  # -121665 / 121666
_SQRT_MINUS_1 = 19681161376707505956807079304988542015446066515923890162744021073123829784752
_BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_BASE_Y = 46316835694926478169428394003475163141307993866256225615783033603165251855960


def verify(key: bytes, digest: bytes, signature: bytes):
    """A generator that returns whether `signature` of a message is by the owner of `key`. `digest`: the SHA-512 of
    signature[:32] + key + message; whoever calls makes it before, so that a board has the code of one at a time.

    From one yield to the next it takes a few milliseconds on an RP2040.
    """
    if len(key) != KEY_BYTES or len(digest) != DIGEST_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= ORDER:
        return False
    point = yield from _decoded(key)
    if point is None:
        return False
    found = yield from _encoded(s, int.from_bytes(digest, "little") % ORDER, point)
    return found == signature[:32]


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
