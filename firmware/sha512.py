"""SHA-512 (FIPS 180-4, 6.4), in steps, so that the bus is answered meanwhile. The stock images have SHA-256 only.

Rules of this file: whole numbers only; what it makes on its way is small, for a full memory lies in pieces.
"""

_MASK = (1 << 64) - 1
_ROUNDS = 80
_BLOCK_BYTES = 128
_ROUNDS_A_STEP = 4
_DIVISORS_END = 21  # Its square, 441, lies above the 80th prime, 409.


def sha512(data: bytes):
    """A generator that returns the digest, 64 bytes."""
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
