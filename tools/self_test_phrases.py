"""What a board's self-test says, in both languages, beside the words of gateway/words.py.

Rules of this file: data, and the function that prints it.
"""

from gateway import words

PHRASES = {
    "ok": ("通过", "ok"),
    "look": ("注意", "look"),
    "FAIL": ("不通过", "FAIL"),
    "skip": ("跳过", "skip"),
    "files": ("文件", "Files"),
    "log": ("记录区", "Log"),
    "flash": ("闪存", "Flash"),
    "memory": ("保持内存", "Kept memory"),
    "clock": ("时钟", "Clock"),
    "sensors": ("传感器", "Sensors"),
    "seen_files": ("{count} 个，{bytes:,} 字节，都读得出", "{count}, {bytes:,} bytes, all readable"),
    "seen_log": ("{rows:,} 条，{unsent:,} 条没有人存过", "{rows:,} rows, {unsent:,} stored by nobody"),
    "seen_flash": ("写入、读回、擦除一个空块", "a blank block written, read, erased"),
    "seen_memory": ("写入、读回、复原", "written, read, put back"),
    "seen_clock": ("走时正常", "it runs"),
    "skip_flash": ("没有空块可试", "no blank block to try it on"),
    "skip_sensors": ("还没有配置", "no settings yet"),
    "good": ("良好", "good"),
    "unjudged": ("未评定：该端口没有校准表", "not evaluated: its port has no calibration table"),
    "suspect": ("可疑", "suspect"),
    "failed": ("失效", "failed"),
    "nothing": ("没有读数，是否还没接上？", "no reading; is it connected?"),
    "low": ("供电低于限值", "below the limit"),
    "not_fed": ("没有接供电", "not connected"),
    "passed": ("自检：{ok} 项通过，{look} 项注意", "Self-test: {ok} ok, {look} to look at"),
    "unreached": (
        "没有自检：{reason}",
        "No self-test: {reason}",
    ),
    "no_console_here": ("板的控制台没有出现", "the board's console did not come"),
    "test": ("自检", "test"),
}


def phrase(key: str, lang: str, **facts: object) -> str:
    """The sentence for `key`. KeyError for an unknown one, or a fact that is missing."""
    return PHRASES[key][words.LANGUAGES.index(lang)].format(**facts)
