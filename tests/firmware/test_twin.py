"""Files in two copies: whatever becomes of one, the other is there; what is damaged is never taken for content."""

from pathlib import Path

import pytest
import twin
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "board")


def test_what_was_saved_is_loaded_and_the_content_before_stays_beside_it(path):
    assert twin.load(path) is None
    for content in (b"one", b"", b"three" * 1000):
        twin.save(path, content)
        assert twin.load(path) == content
    assert twin.newest_first(path) == [b"three" * 1000, b""]


def test_only_the_older_copy_is_written(path):
    twin.save(path, b"1")
    twin.save(path, b"2")
    newest = Path(path + ".1").read_bytes()
    twin.save(path, b"3")
    assert Path(path + ".1").read_bytes() == newest
    assert twin.unpack(Path(path + ".0").read_bytes()) == (3, b"3")


def test_numbers_may_wrap(path):
    Path(path + ".0").write_bytes(twin.pack(0xFFFFFFFE, b"old"))
    Path(path + ".1").write_bytes(twin.pack(0xFFFFFFFF, b"new"))
    twin.save(path, b"newer")
    assert twin.unpack(Path(path + ".0").read_bytes()) == (0, b"newer")
    assert twin.newest_first(path) == [b"newer", b"new"]
    twin.save(path, b"newest")
    assert twin.newest_first(path) == [b"newest", b"newer"]


def test_content_beyond_the_limit_is_refused_and_a_longer_file_is_no_copy(path):
    twin.save(path, b"x" * twin.BYTES_MAX)
    with pytest.raises(ValueError, match=str(twin.BYTES_MAX)):
        twin.save(path, b"x" * (twin.BYTES_MAX + 1))
    Path(path + ".1").write_bytes(twin.pack(7, b"y" * (twin.BYTES_MAX + 1)))
    assert twin.load(path) == b"x" * twin.BYTES_MAX


def test_a_copy_that_does_not_read_back_is_an_error(path, monkeypatch):
    twin.save(path, b"old")
    whole = twin.pack
    monkeypatch.setattr(twin, "pack", lambda seq, data: whole(seq, data) if data == b"old" else Bad(whole(seq, data)))
    with pytest.raises(OSError, match=r"board\.1"):
        twin.save(path, b"new")


class Bad(bytes):
    """Never what was read back."""

    __hash__ = None  # type: ignore[assignment]

    def __ne__(self, other):
        return True


@given(st.binary(max_size=64), st.integers(0, 0xFFFFFFFF), st.data())
def test_a_copy_is_whole_or_it_does_not_exist(payload, seq, data):
    copy = twin.pack(seq, payload)
    assert twin.unpack(copy) == (seq, payload)
    cut = data.draw(st.integers(0, len(copy) - 1))
    assert twin.unpack(copy[:cut]) is None
    assert twin.unpack(copy + b"\0") is None
    bit = data.draw(st.integers(0, 8 * len(copy) - 1))
    broken = bytearray(copy)
    broken[bit // 8] ^= 1 << bit % 8
    assert twin.unpack(bytes(broken)) is None


@given(st.binary(max_size=200))
def test_noise_is_no_copy(noise):
    assert twin.unpack(noise) is None
