"""The wheel check: a file that the wheel forgets is named."""

import shutil

import pytest

from tools.failure import Failure
from tools.wheel_check import TOP, check


@pytest.fixture
def checkout(tmp_path):
    """Return a small checkout that builds with the real pyproject.toml."""
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        shutil.copy(TOP / name, tmp_path / name)
    for folder in ("firmware/lib/wire", "boards", "gateway", "tools"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "tools" / "__main__.py").write_text("print('help')\n", encoding="utf-8")
    (tmp_path / "firmware/lib/wire/telemetry.cddl").write_text("message = uint\n", encoding="utf-8")
    (tmp_path / ".gitignore").write_text("*.secret\n", encoding="utf-8")
    return tmp_path


def test_a_wheel_with_every_file_is_described(checkout):
    assert "riverpost-0.1.0" in check(checkout)


def test_a_file_that_stays_out_of_the_wheel_is_named(checkout):
    (checkout / "boards" / "one.secret").touch()
    with pytest.raises(Failure) as caught:
        check(checkout)
    assert caught.value.seen == "boards/one.secret"


def test_a_package_that_does_not_import_is_named(checkout):
    (checkout / "gateway" / "__init__.py").write_text("import a_module_that_is_not_there\n", encoding="utf-8")
    with pytest.raises(Failure, match="The wheel fails") as caught:
        check(checkout)
    assert "a_module_that_is_not_there" in caught.value.seen
