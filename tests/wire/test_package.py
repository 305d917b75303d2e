"""Update packages: what is made is read as it was meant, and nothing that breaks a rule is taken."""

import contextlib
import hashlib

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import package
from wire.package import Manifest, PackageError, head_bytes, head_of, manifest_of, signed_message, taken_apart

MAIN = b"the program"


def file_of(path: str, content: bytes) -> tuple[str, int, bytes]:
    return path, len(content), hashlib.sha256(content).digest()


def manifest(**changes) -> Manifest:
    fields = {"chip": "rp2040", "counter": 7, "version": (0, 2, 1), "files": [file_of("main.mpy", MAIN)]} | changes
    return Manifest(**fields)


def by_cbor2(fields: object) -> bytes:
    """A head around what cbor2 makes of `fields`."""
    encoded = cbor2.dumps(fields, canonical=True)
    return b"RPU1" + len(encoded).to_bytes(2, "big") + encoded


names = st.text("abcdefghijklmnopqrstuvwxyz0123456789_", min_size=1, max_size=9)
paths = st.lists(names, min_size=1, max_size=4).map(lambda parts: "/".join(parts) + ".mpy")
contents = st.dictionaries(paths, st.binary(min_size=1, max_size=60), max_size=9)


@st.composite
def manifests(draw):
    files = draw(contents) | {"main.mpy": MAIN}
    return Manifest(
        draw(st.sampled_from(package.CHIPS)),
        draw(st.integers(1, package.COUNTER_MAX)),
        tuple(draw(st.lists(st.integers(0, 255), min_size=3, max_size=3))),
        [file_of(path, files[path]) for path in sorted(files)],
    )


@given(manifests())
def test_a_head_is_read_as_it_was_meant_and_cbor2_reads_the_same(made):
    head = head_of(made)
    assert manifest_of(head) == made
    assert head_bytes(head[: package.HEADER_BYTES]) == len(head)
    files = [[path, size, digest] for path, size, digest in made.files]
    assert head == by_cbor2({0: made.chip, 1: made.counter, 2: list(made.version), 3: files})


@given(contents, st.data())
def test_a_whole_package_comes_apart_and_one_with_a_changed_byte_does_not(files, data):
    files = files | {"main.mpy": MAIN}
    ordered = sorted(files)
    head = head_of(manifest(files=[file_of(path, files[path]) for path in ordered]))
    whole = head + bytes(64) + b"".join(files[path] for path in ordered)
    made, same_head, signature, parts = taken_apart(whole)
    assert (same_head, signature, parts) == (head, bytes(64), [files[path] for path in ordered])
    assert made == manifest_of(head)
    for wrong in (whole[:-1], whole + b"\0"):
        with pytest.raises(PackageError):
            taken_apart(wrong)
    at = data.draw(st.integers(len(head) + 64, len(whole) - 1))
    with pytest.raises(PackageError, match="is not the file"):
        taken_apart(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])


@given(st.binary(max_size=80))
def test_bytes_are_a_head_only_where_they_are_what_we_would_make(data):
    for head in (data, b"RPU1" + len(data).to_bytes(2, "big") + data):
        try:
            found = manifest_of(head)
        except PackageError:
            continue
        assert head_of(found) == head


@given(manifests(), st.data())
def test_a_head_with_a_changed_or_missing_byte_is_another_or_none(made, data):
    head = bytearray(head_of(made))
    at = data.draw(st.integers(0, len(head) - 1))
    with pytest.raises(PackageError):
        manifest_of(head[:at])
    head[at] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(PackageError):
        assert manifest_of(head) != made
    assert signed_message(head) != signed_message(head_of(made))


DIGEST = bytes(32)
GOOD_FILES = [["main.mpy", 5, DIGEST]]
GOOD = {0: "rp2040", 1: 7, 2: [0, 1, 0], 3: GOOD_FILES}


def files(*made: list) -> dict:
    return GOOD | {3: [*made, *GOOD_FILES]}


BAD = {
    "no map": [1, 2],
    "nothing": {},
    "another chip": GOOD | {0: "esp8266"},
    "no chip": {key: value for key, value in GOOD.items() if key != 0},
    "a chip that is a number": GOOD | {0: 5},
    "counter 0": GOOD | {1: 0},
    "counter true": GOOD | {1: True},
    "counter too large": GOOD | {1: 1 << 31},
    "two numbers of a version": GOOD | {2: [0, 1]},
    "four numbers of a version": GOOD | {2: [0, 1, 2, 3]},
    "version 256": GOOD | {2: [0, 256, 0]},
    "no files": GOOD | {3: []},
    "files that are no list": GOOD | {3: "main.mpy"},
    "a file that is no list": GOOD | {3: ["main.mpy"]},
    "a file of two": GOOD | {3: [["main.mpy", 5]]},
    "a file of four": GOOD | {3: [["main.mpy", 5, DIGEST, 1]]},
    "no main": GOOD | {3: [["bank.mpy", 5, DIGEST]]},
    "the same path twice": GOOD | {3: GOOD_FILES * 2},
    "paths out of order": GOOD | {3: [*GOOD_FILES, ["bank.mpy", 5, DIGEST]]},
    "an absolute path": files(["/bank.mpy", 5, DIGEST]),
    "a path upwards": files(["../bank.mpy", 5, DIGEST]),
    "a path upwards inside": files(["a/../bank.mpy", 5, DIGEST]),
    "a path through here": files(["./bank.mpy", 5, DIGEST]),
    "an empty part": files(["a//bank.mpy", 5, DIGEST]),
    "a path of nothing": files([".mpy", 5, DIGEST]),
    "a source": files(["bank.py", 5, DIGEST]),
    "a path with a backslash": files(["a\\bank.mpy", 5, DIGEST]),
    "a path with a zero": files(["a\0bank.mpy", 5, DIGEST]),
    "a capital": files(["Bank.mpy", 5, DIGEST]),
    "a letter of another alphabet": files(["b\u00e4nk.mpy", 5, DIGEST]),
    "a path too deep": files(["a/b/c/d/bank.mpy", 5, DIGEST]),
    "a path too long": files(["a" * 45 + ".mpy", 5, DIGEST]),
    "a path that is bytes": files([b"bank.mpy", 5, DIGEST]),
    "an empty file": files(["bank.mpy", 0, DIGEST]),
    "a negative size": files(["bank.mpy", -1, DIGEST]),
    "a file too long": files(["bank.mpy", package.FILE_BYTES_MAX + 1, DIGEST]),
    "a short hash": files(["bank.mpy", 5, bytes(31)]),
    "a hash in text": files(["bank.mpy", 5, "0" * 32]),
    "too many files": GOOD | {3: [[f"a{i:03}.mpy", 5, DIGEST] for i in range(package.FILES_MAX)] + GOOD_FILES},
    "too many bytes": GOOD | {3: [[f"a{i}.mpy", package.FILE_BYTES_MAX, DIGEST] for i in range(4)] + GOOD_FILES},
}


def test_the_manifest_that_the_bad_ones_are_made_from_is_good():
    assert manifest_of(by_cbor2(GOOD)).files_bytes() == 5


@pytest.mark.parametrize("name", BAD)
def test_a_manifest_that_breaks_a_rule_is_refused(name):
    with pytest.raises(PackageError):
        manifest_of(by_cbor2(BAD[name]))


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"RPU1",
        b"RPU1\0\0",
        b"RPU2" + by_cbor2(GOOD)[4:],
        by_cbor2(GOOD) + b"\0",
        by_cbor2(GOOD)[:-1],
        b"RPU1\xff\xff" + bytes(0xFFFF),
        by_cbor2({0: 1.5}),
    ],
)
def test_what_is_no_head_is_refused(head):
    with pytest.raises(PackageError):
        manifest_of(head)


def test_the_longest_list_of_files_fits_its_manifest_only_with_short_paths():
    def many(length):
        return [(f"{i:02}".ljust(length, "a") + ".mpy", 1, DIGEST) for i in range(package.FILES_MAX - 1)]

    assert len(head_of(manifest(files=[*many(8), ("main.mpy", 1, DIGEST)]))) <= package.HEAD_BYTES_MAX
    with pytest.raises(PackageError, match="longer than"):
        head_of(manifest(files=[*many(44), ("main.mpy", 1, DIGEST)]))


def test_the_same_head_is_signed_in_another_message_than_its_bare_hash():
    head = head_of(manifest())
    assert signed_message(head) == b"riverpost package 1\0" + hashlib.sha256(head).digest()


def test_every_reason_has_words():
    codes = [value for name, value in vars(package).items() if name.isupper() and isinstance(value, int)]
    reasons = [package.NOT_A_PACKAGE, package.NO_KEY, package.READ_BACK]
    assert set(reasons) <= set(package.REASONS) <= set(codes)
    assert sorted(package.REASONS) == list(range(1, len(package.REASONS) + 1))
