"""The board's check of signatures against the standard's vectors, another implementation, and points that cheat."""

import hashlib
import random
from collections.abc import Generator
from typing import Any

import ed25519
import pytest
import sha512
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.board_process import micropython

pytestmark = pytest.mark.long

# RFC 8032, 7.1: secret key, public key, message, signature.
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        b"",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
        "655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        b"\x72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
        "b00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        b"\xaf\x82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
        "c027beceea1ec40a",
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        hashlib.sha512(b"abc").digest(),
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17a"
        "d9bef1177331a704",
    ),
]
P = ed25519.P
ORDER = ed25519.ORDER
D = -121665 * pow(121666, P - 2, P) % P
MESSAGES = 300


def result_of(steps: Generator[None, None, Any]) -> Any:
    """What the generator returns at its end."""
    while True:
        try:
            assert next(steps) is None
        except StopIteration as end:
            return end.value


def ours(key: bytes, message: bytes, signature: bytes) -> bool:
    digest = result_of(sha512.sha512(signature[:32] + key + message))
    verdict = result_of(ed25519.verify(key, digest, signature))
    assert verdict in (True, False)
    return verdict


def theirs(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def keys_of(secret: Ed25519PrivateKey) -> bytes:
    return secret.public_key().public_bytes_raw()


# The curve once more, as it is written in the standard: affine, by its formula of addition.


def added(one, two):
    (x1, y1), (x2, y2) = one, two
    part = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + part, P - 2, P) % P
    return x, (y1 * y2 + x1 * x2) * pow(1 - part, P - 2, P) % P


def times(number, point):
    total = (0, 1)
    while number:
        if number & 1:
            total = added(total, point)
        point = added(point, point)
        number >>= 1
    return total


def encoded(point) -> bytes:
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def square_root(number):
    root = pow(number, (P + 3) // 8, P)
    for candidate in (root, root * pow(2, (P - 1) // 4, P) % P):
        if candidate * candidate % P == number % P:
            return candidate
    return None


def on_curve(y, odd=0):
    """The point with this y and parity of x, or None."""
    x = square_root((y * y - 1) * pow(D * y * y + 1, P - 2, P))
    return None if x is None else (x if x & 1 == odd else P - x, y)


BASE = on_curve(4 * pow(5, P - 2, P) % P)


def small_points() -> list[tuple[int, int]]:
    """All eight points of small order."""
    for y in range(2, 100):
        point = on_curve(y)
        seed = times(ORDER, point) if point else (0, 1)
        if times(4, seed) != (0, 1):
            return [times(i, seed) for i in range(8)]
    raise AssertionError("no point of order 8")


def hashed(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % ORDER


def signed(a: int, key: bytes, message: bytes, r: int = 77_777) -> bytes:
    """A signature by the secret number `a`, as if `key` were its public key."""
    big_r = encoded(times(r, BASE))
    return big_r + ((r + hashed(big_r, key, message) * a) % ORDER).to_bytes(32, "little")


@pytest.mark.parametrize(("secret", "public", "message", "signature"), VECTORS, ids=range(len(VECTORS)))
def test_the_vectors_of_the_standard_are_right_and_wrong_with_another_message(secret, public, message, signature):
    made = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
    assert keys_of(made).hex() == public
    assert made.sign(message).hex() == signature
    assert ours(bytes.fromhex(public), message, bytes.fromhex(signature))
    assert not ours(bytes.fromhex(public), message + b"\0", bytes.fromhex(signature))


def test_hundreds_of_messages_are_judged_as_by_another_implementation():
    seeded = random.Random(8032)
    verdicts = []
    for number in range(MESSAGES):
        secret = Ed25519PrivateKey.from_private_bytes(seeded.randbytes(32))
        key, message = keys_of(secret), seeded.randbytes(number)
        signature = bytearray(secret.sign(message))
        if number % 2:
            at = seeded.randrange(8 * 64)
            signature[at // 8] ^= 1 << at % 8
        verdicts.append(ours(key, message, bytes(signature)))
        assert verdicts[-1] == theirs(key, message, bytes(signature))
    assert verdicts.count(True) == MESSAGES // 2


@given(st.binary(max_size=300), st.binary(min_size=32, max_size=32), st.data())
def test_a_changed_bit_anywhere_is_refused(message, seed, data):
    secret = Ed25519PrivateKey.from_private_bytes(seed)
    key, signature = keys_of(secret), secret.sign(message)
    assert ours(key, message, signature)
    parts = [bytearray(key), bytearray(message + b"\0"), bytearray(signature)]
    which = data.draw(st.integers(0, 2))
    at = data.draw(st.integers(0, 8 * len(parts[which]) - 1))
    parts[which][at // 8] ^= 1 << at % 8
    assert not ours(bytes(parts[0]), bytes(parts[1]) if which == 1 else message, bytes(parts[2]))


@given(st.binary(max_size=300))
def test_sha_512_is_that_of_the_library(data):
    assert result_of(sha512.sha512(data)) == hashlib.sha512(data).digest()


@pytest.mark.parametrize("length", [0, 1, 111, 112, 113, 127, 128, 129, 239, 240, 241, 256])
def test_sha_512_is_right_where_its_padding_changes(length):
    assert result_of(sha512.sha512(b"a" * length)) == hashlib.sha512(b"a" * length).digest()


@pytest.mark.parametrize(("key_bytes", "signature_bytes"), [(0, 64), (31, 64), (33, 64), (32, 0), (32, 63), (32, 65)])
def test_another_length_is_refused(key_bytes, signature_bytes):
    key, signature = bytes.fromhex(VECTORS[0][1]), bytes.fromhex(VECTORS[0][3])
    assert not ours((key + b"\0")[:key_bytes], b"", (signature + b"\0")[:signature_bytes])


@pytest.mark.parametrize("digest_bytes", [0, 63, 65])
def test_a_digest_of_another_length_is_refused(digest_bytes):
    key, signature = bytes.fromhex(VECTORS[0][1]), bytes.fromhex(VECTORS[0][3])
    digest = hashlib.sha512(signature[:32] + key).digest()
    assert result_of(ed25519.verify(key, digest, signature)) is True
    assert result_of(ed25519.verify(key, (digest + b"\0")[:digest_bytes], signature)) is False


@pytest.mark.parametrize("multiple", range(1, 16))
def test_s_beyond_the_order_is_refused_though_it_is_the_same_number(multiple):
    key, signature = bytes.fromhex(VECTORS[0][1]), bytes.fromhex(VECTORS[0][3])
    s = int.from_bytes(signature[32:], "little") + multiple * ORDER
    if s < 1 << 256:
        other = signature[:32] + s.to_bytes(32, "little")
        assert not ours(key, b"", other)
        assert not theirs(key, b"", other)


def test_a_key_of_small_order_signs_nothing():
    """With such a key, s = 0 and R = -k A "sign" one message in eight, or every one: whoever knows no secret could."""
    forged = 0
    points = [encoded(point) for point in small_points()]
    for key in points:
        for number in range(16):
            message = bytes([number])
            for big_r in points:
                signature = big_r + bytes(32)
                forged += theirs(key, message, signature)
                assert not ours(key, message, signature)
    assert forged > 16  # The other implementation is not meant to refuse such keys; ours must, a key comes from a file.


def test_a_key_in_a_second_encoding_is_refused():
    refused = 0
    for y in range(P, 1 << 255):
        for odd in (0, 1):
            key = (y | odd << 255).to_bytes(32, "little")
            point = on_curve(y - P, odd)
            if point is not None:
                refused += 1
                assert not ours(key, b"", signed(5, key, b""))
    assert refused > 10
    for x_is_0 in (1, P - 1):  # Minus zero.
        key = (x_is_0 | 1 << 255).to_bytes(32, "little")
        assert not ours(key, b"", signed(0, key, b""))


def test_a_key_that_is_no_point_is_refused():
    tried = 0
    for y in range(2, 60):
        if on_curve(y) is None:
            tried += 1
            key = y.to_bytes(32, "little")
            assert not ours(key, b"", signed(5, key, b""))
    assert tried > 10


def test_r_in_a_second_encoding_is_refused():
    """R = (0, 1) is that of s = k a; its y + P is below 2^255, and another spelling of the same point."""
    a = 1234567
    key = encoded(times(a, BASE))
    for big_r, right in ((1, True), (P + 1, False), (1 | 1 << 255, False)):
        spelled = big_r.to_bytes(32, "little")
        s = hashed(spelled, key, b"m") * a % ORDER
        signature = spelled + s.to_bytes(32, "little")
        assert ours(key, b"m", signature) == theirs(key, b"m", signature) == right


def test_no_cofactor_a_key_with_a_part_of_small_order_is_judged_as_by_the_other_implementation():
    a = 987654321
    verdicts = []
    for point in small_points()[1:]:
        key = encoded(added(times(a, BASE), point))
        for number in range(12):
            message = bytes([number])
            signature = signed(a, key, message)
            verdicts.append(ours(key, message, signature))
            assert verdicts[-1] == theirs(key, message, signature)
    assert True in verdicts
    assert False in verdicts  # With the cofactor all were right.


RUN = """
import ed25519, sha512, sys

def told(key, message, signature):
    digest = yield from sha512.sha512(signature[:32] + key + message)
    print((yield from ed25519.verify(key, digest, signature)), end=" ")

for line in sys.stdin:
    print(len(list(told(*[bytes.fromhex(word[1:]) for word in line.split()]))))
"""


def test_micropython_comes_to_the_same_verdicts_in_small_steps():
    seeded = random.Random(1)
    lines, expected = [], []
    for number in range(20):
        secret = Ed25519PrivateKey.from_private_bytes(seeded.randbytes(32))
        message, signature = seeded.randbytes(52), b""
        signature = bytearray(secret.sign(message))
        signature[seeded.randrange(64)] ^= number % 2
        lines.append(" ".join("x" + part.hex() for part in (keys_of(secret), message, signature)))
        expected.append(theirs(keys_of(secret), message, bytes(signature)))
    done = micropython("64k", "-c", RUN, limit_s=60, said="\n".join(lines))
    assert done.stderr == ""
    answers = [line.split() for line in done.stdout.splitlines()]
    assert [answer == "True" for answer, _ in answers] == expected
    assert True in expected
    assert False in expected
    assert min(int(count) for (_, count), right in zip(answers, expected, strict=True) if right) > 300
