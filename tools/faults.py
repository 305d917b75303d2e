"""What may go wrong under a technician's command, in both languages: one table, no other source.

Rules of this file: data, and `fault`. Each has what, likely, what to do in order, and the state that is left; what was
seen comes from where it was seen. Facts stand in braces.
"""

from tools.failure import EXIT_FAILED, EXIT_NOTHING_FOUND, EXIT_REFUSED, EXIT_WRONG_CALL, Failure

NOTHING_WRITTEN = ("什么都没有写入", "nothing was written")
PARTLY = (
    "板上只有一部分：它不会启动，也没有损坏；同一命令再来一次即可修复",
    "the board holds a part of it: it does not start and is not broken; the same command once more repairs it",
)
BOOT = (
    "按住 BOOT，点一下 RESET，松开 BOOT，再试一次",
    "hold BOOT, tap RESET, let go of BOOT, and start again",
)

# Key -> (exit code, (zh), (en)); each language: (what, likely, [do, …], state).
FAULTS: dict[str, tuple[int, tuple, tuple]] = {
    "no_image": (
        EXIT_NOTHING_FOUND,
        (
            "没有可用的 {image} 官方镜像",
            "还没有下载，或清单不认识其 SHA-256",
            [
                "从 MicroPython 下载页取 {image} 的 .bin（RP2040 为 .uf2）",
                "用 --micropython FILE 指明，或放入 {folder}",
            ],
            NOTHING_WRITTEN[0],
        ),
        (
            "No official image for {image} is here",
            "it was not downloaded yet, or its SHA-256 is not on our list",
            [
                "get the .bin of {image} from MicroPython's download page (.uf2 for an RP2040)",
                "name it with --micropython FILE, or put it into {folder}",
            ],
            NOTHING_WRITTEN[1],
        ),
    ),
    "unknown_image": (
        EXIT_REFUSED,
        (
            "{file} 不在已知的官方镜像之列",
            "较新的版本，或文件在下载时损坏、被改动",
            ["与下载页再下载一次，比较 SHA-256", "两次一致时，加 --accept-unknown 使用"],
            NOTHING_WRITTEN[0],
        ),
        (
            "{file} is none of the official images that we know",
            "a newer release, or a file that was damaged or changed on its way",
            ["download it a second time and compare the SHA-256", "if they agree, add --accept-unknown to use it"],
            NOTHING_WRITTEN[1],
        ),
    ),
    "other_image": (
        EXIT_WRONG_CALL,
        ("{file} 是另一种板的镜像", "文件取错", ["取 {image} 的文件"], NOTHING_WRITTEN[0]),
        ("{file} is an image for other boards", "the wrong file", ["take the file of {image}"], NOTHING_WRITTEN[1]),
    ),
    "wrong_image": (
        EXIT_WRONG_CALL,
        (
            "{file} 不是可用的 MicroPython 镜像",
            "下载不完整，或是另一种芯片的文件",
            ["重新下载 {image} 的文件"],
            NOTHING_WRITTEN[0],
        ),
        (
            "{file} is no MicroPython image that this board can use",
            "a download that was cut off, or another chip's file",
            ["download the file of {image} again"],
            NOTHING_WRITTEN[1],
        ),
    ),
    "unreadable": (
        EXIT_WRONG_CALL,
        ("{file} 读不了", "路径写错，或没有权限", ["检查路径"], NOTHING_WRITTEN[0]),
        ("{file} cannot be read", "a wrong path, or no right to read it", ["check the path"], NOTHING_WRITTEN[1]),
    ),
    "unwritable": (
        EXIT_WRONG_CALL,
        ("{file} 写不了", "文件夹不存在，或没有权限", ["换一个路径"], "文件没有写成"),
        (
            "{file} cannot be written",
            "its folder is not there, or may not be written to",
            ["name another path"],
            "the file was not written",
        ),
    ),
    "no_room": (
        EXIT_WRONG_CALL,
        ("应用程序放不进 {board}", "固件变大了", ["报告此事"], NOTHING_WRITTEN[0]),
        ("The application does not fit onto {board}", "a firmware that grew", ["report it"], NOTHING_WRITTEN[1]),
    ),
    "no_board_type": (
        EXIT_WRONG_CALL,
        ("没有这种板：{board}", "名字写错", ["用 boards/ 里的名字：{known}"], NOTHING_WRITTEN[0]),
        (
            "There is no board of this type: {board}",
            "a slip in the name",
            ["use one of boards/: {known}"],
            NOTHING_WRITTEN[1],
        ),
    ),
    "bad_config": (
        EXIT_WRONG_CALL,
        (
            "{file} 不是这块板的配置",
            "取错文件，或手工改过",
            ["用 --station station.toml --name NAME 代替"],
            NOTHING_WRITTEN[0],
        ),
        (
            "{file} is no configuration of this board",
            "the wrong file, or one that was changed by hand",
            ["use --station station.toml --name NAME instead"],
            NOTHING_WRITTEN[1],
        ),
    ),
    "bad_station": (
        EXIT_WRONG_CALL,
        ("{file} 有错误", "见上面各行", ["改正各行", "检查：riverpost gateway {file} --check"], NOTHING_WRITTEN[0]),
        (
            "{file} is not right",
            "what the lines above say",
            ["put those lines right", "check it: riverpost gateway {file} --check"],
            NOTHING_WRITTEN[1],
        ),
    ),
    "no_such_board": (
        EXIT_WRONG_CALL,
        (
            "{file} 里没有名为“{name}”的板",
            "名字写错（上面是已有的名字）",
            ["用其中一个：--name NAME"],
            NOTHING_WRITTEN[0],
        ),
        (
            '{file} has no board "{name}"',
            "a slip in the name (those it has stand above)",
            ["take one of them: --name NAME"],
            NOTHING_WRITTEN[1],
        ),
    ),
    "other_type": (
        EXIT_WRONG_CALL,
        ("station.toml 里这块板是另一种", "板的种类写错", ["用 {board}"], NOTHING_WRITTEN[0]),
        ("station.toml means another type of board", "the wrong type in the call", ["use {board}"], NOTHING_WRITTEN[1]),
    ),
    "half_station": (
        EXIT_WRONG_CALL,
        ("--station 和 --name 要一起给", "漏了一个", ["--station station.toml --name NAME"], NOTHING_WRITTEN[0]),
        (
            "--station and --name belong together",
            "one was left out",
            ["--station station.toml --name NAME"],
            NOTHING_WRITTEN[1],
        ),
    ),
}


def fault(key: str, lang: str, seen: str = "", state: str = "", **facts: object) -> Failure:
    """The failure `key` with its facts; `state` in the place of what the table says. KeyError for an unknown one."""
    exit_code, *told = FAULTS[key]
    what, likely, steps, left = told[("zh", "en").index(lang)]
    return Failure(
        what.format(**facts),
        seen=seen,
        likely=likely.format(**facts),
        do=[step.format(**facts) for step in steps],
        state=state or left,
        exit_code=exit_code,
        lang=lang,
    )


__all__ = ["EXIT_FAILED", "FAULTS", "fault"]
