"""The firmware build: every source, only the changed ones, errors that name the line; and what each class gets."""

import pytest

from tools.failure import Failure
from tools.firmware_build import FIRMWARE, HAL_OF, build, files_of


@pytest.fixture
def source(tmp_path):
    (tmp_path / "firmware" / "lib" / "wire").mkdir(parents=True)
    (tmp_path / "firmware" / "main.py").write_text("a = 1\n", encoding="utf-8")
    (tmp_path / "firmware" / "lib" / "wire" / "row.py").write_text("b = 2\n", encoding="utf-8")
    return tmp_path / "firmware"


def times_ns(files):
    return {file.name: file.stat().st_mtime_ns for file in files}


def test_every_source_becomes_an_mpy_in_the_same_folder(source, tmp_path):
    out = tmp_path / "out"
    files = build(out, source=source)
    assert [file.relative_to(out).as_posix() for file in files] == ["lib/wire/row.mpy", "main.mpy"]
    assert all(file.read_bytes()[:2] == b"M\x06" for file in files)  # mpy format 6, which MicroPython 1.25 loads.


def test_only_what_changed_is_compiled_again(source, tmp_path):
    before = times_ns(build(tmp_path / "out", source=source))
    (source / "main.py").write_text("a = 2\n", encoding="utf-8")
    after = times_ns(build(tmp_path / "out", source=source))
    assert after["row.mpy"] == before["row.mpy"]
    assert after["main.mpy"] != before["main.mpy"]


def test_another_level_of_optimisation_compiles_all_again(source, tmp_path):
    (source / "main.py").write_text("def f(x):\n    assert x, 'why'\n", encoding="utf-8")
    build(tmp_path / "out", source=source)
    size = (tmp_path / "out" / "main.mpy").stat().st_size
    build(tmp_path / "out", source=source, optimise=2)
    assert (tmp_path / "out" / "main.mpy").stat().st_size < size


def test_an_mpy_without_its_source_goes_away(source, tmp_path):
    build(tmp_path / "out", source=source)
    (source / "main.py").unlink()
    assert [file.name for file in build(tmp_path / "out", source=source)] == ["row.mpy"]
    assert not (tmp_path / "out" / "main.mpy").exists()


def test_every_source_that_does_not_compile_is_named_with_its_line(source, tmp_path):
    (source / "main.py").write_text("a = (\n", encoding="utf-8")
    (source / "lib" / "wire" / "row.py").write_text("\nmatch x:\n    case 1: pass\n", encoding="utf-8")
    with pytest.raises(Failure) as caught:
        build(tmp_path / "out", source=source)
    assert "main.py" in caught.value.seen
    assert "lib/wire/row.py" in caught.value.seen
    assert "line 2" in caught.value.seen


def test_a_file_that_failed_is_tried_again(source, tmp_path):
    (source / "main.py").write_text("a = (\n", encoding="utf-8")
    with pytest.raises(Failure):
        build(tmp_path / "out", source=source)
    with pytest.raises(Failure):
        build(tmp_path / "out", source=source)


def test_a_change_that_is_taken_back_after_a_failed_build_is_compiled_again(source, tmp_path):
    build(tmp_path / "out", source=source)
    good = (tmp_path / "out" / "lib" / "wire" / "row.mpy").read_bytes()
    (source / "lib" / "wire" / "row.py").write_text("b = 77\n", encoding="utf-8")
    (source / "main.py").write_text("a = (\n", encoding="utf-8")
    with pytest.raises(Failure):
        build(tmp_path / "out", source=source)
    (source / "lib" / "wire" / "row.py").write_text("b = 2\n", encoding="utf-8")
    (source / "main.py").write_text("a = 1\n", encoding="utf-8")
    build(tmp_path / "out", source=source)
    assert (tmp_path / "out" / "lib" / "wire" / "row.mpy").read_bytes() == good


def test_a_damaged_index_costs_only_a_compilation(source, tmp_path):
    build(tmp_path / "out", source=source)
    (tmp_path / "out" / "build.json").write_text("{", encoding="utf-8")
    assert len(build(tmp_path / "out", source=source)) == 2


def test_no_firmware_is_told_apart_from_an_empty_build(tmp_path):
    with pytest.raises(Failure, match="no firmware"):
        build(tmp_path / "out", source=tmp_path / "nothing")


APPLICATION = {
    "start.py": "import sys\nfrom slots import Slots\n",
    "slots.py": "",
    "main.py": "from hal import open_hal\nfrom wire.row import pack\n\ndef link():\n    from links.mqtt import Mqtt\n",
    "hal/__init__.py": "",
    "hal/esp32.py": "",
    "hal/rp2.py": "from hal.rp2_pins import Adc\n",
    "hal/rp2_pins.py": "",
    "hal/posix.py": "",
    "links/__init__.py": "",
    "links/mqtt.py": "from wire import local\n",
    "drivers/__init__.py": "",
    "drivers/supply.py": "import wire.reading\n",
    "lib/wire/__init__.py": "",
    "lib/wire/row.py": "",
    "lib/wire/local.py": "",
    "lib/wire/reading.py": "",
    "lib/wire/telemetry.py": "",
}
EVERY_CLASS = [
    *("drivers/__init__", "drivers/supply", "hal/__init__", "lib/wire/__init__", "lib/wire/reading", "lib/wire/row"),
    *("links/__init__", "main", "slots"),
]


@pytest.fixture
def application(tmp_path):
    for name, text in APPLICATION.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("class_name", "own"),
    [
        ("esp32", ["hal/esp32", "links/mqtt", "lib/wire/local"]),
        ("rp2040", ["hal/rp2", "hal/rp2_pins"]),  # No network, so neither that link nor what it alone needs.
        ("posix", ["hal/posix", "links/mqtt", "lib/wire/local"]),
    ],
)
def test_a_class_gets_its_hal_every_driver_and_what_main_and_start_import(application, class_name, own):
    assert [str(file) for file in files_of(class_name, source=application)] == sorted(
        name + ".mpy" for name in EVERY_CLASS + own
    )


@pytest.mark.parametrize("class_name", HAL_OF)
def test_every_file_of_a_class_is_built_and_what_only_the_gateway_needs_stays_there(class_name, tmp_path):
    names = [str(file) for file in files_of(class_name)]
    assert {"main.mpy", "board_log.mpy", "drivers/tipping_bucket.mpy", "lib/wire/modbus.mpy"} <= set(names)
    assert "lib/wire/telemetry.mpy" not in names
    assert "start.mpy" not in names
    assert all((FIRMWARE / name).with_suffix(".py").exists() for name in names)


def test_a_class_that_does_not_exist_has_no_files():
    with pytest.raises(KeyError):
        files_of("stm32")
