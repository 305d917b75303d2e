"""What `riverpost record` and the bus side of `riverpost replay` say, in both languages.

Rules of this file: data, and the function that prints it. What goes wrong with the call stands in tools/faults.toml.
"""

from gateway import words

PHRASES = {
    "listens": ("监听 {port}，{setting}，写入 {file}", "Listening on {port}, {setting}, into {file}"),
    "dry": ("没有监听，没有写文件（--dry-run）。", "Did not listen, wrote no file (--dry-run)."),
    "live": (
        "{age}  询问 {requests}  应答 {answers}  无应答 {no_answer}  异常 {exceptions}  乱码 {garbage}  占用 {use}",
        "{age}  {requests} asked  {answers} answered  {no_answer} not  {exceptions} exceptions  {garbage} garbage  "
        "bus {use}",
    ),
    "live_narrow": (
        "{age} 问{requests} 答{answers} 错{wrong} {use}",
        "{age} {requests}/{answers} err {wrong} {use}",
    ),
    "counts": (
        "询问 {requests}，应答 {answers}，异常 {exceptions}，无应答 {no_answer}，无人询问 {unasked}，乱码 {garbage}",
        "{requests} requests, {answers} answers, {exceptions} exceptions, {no_answer} not answered, {unasked} answers "
        "that nobody asked for, {garbage} pieces of garbage",
    ),
    "of_address": (
        "{address:>5}  询问 {requests}  应答 {answers}  异常 {exceptions}  无应答 {no_answer}",
        "{address:>5}  asked {requests}  answered {answers}  exceptions {exceptions}  not answered {no_answer}",
    ),
    "only_garbage": (
        "只有乱码：速率或校验可能不同，试 riverpost scan --all",
        "Only garbage: perhaps another rate or parity, try riverpost scan --all",
    ),
    "next_replay": ("下一步：riverpost replay --bus {file}", "Next: riverpost replay --bus {file}"),
    "stopped": ("已停止，{file} 完整。", "Stopped; {file} is whole."),
    "holds": ("{file} 中有断开之前的 {count} 条", "{file} has the {count} lines from before"),
    # A recording.
    "recording": ("总线记录，{port}，{setting}，{age}", "Recording of a bus, {port}, {setting}, {age}"),
    "Began": ("开始", "Began"),
    "Counts": ("计数", "Counts"),
    "Bus": ("总线", "Bus"),
    "Cut": ("结尾", "End"),
    "cut": ("最后一行不完整，已略去", "the last line was cut off and is left out"),
    "request": ("问", "ask"),
    "answer": ("答", "ans"),
    "garbage": ("乱码", "???"),
    "exception": ("异常 {code}，{name}", "exception {code}, {name}"),
    "bytes": ("{count} 字节：{hex}", "{count} bytes: {hex}"),
    # Devices out of it.
    "serves": ("作为设备应答：{port}，地址 {addresses}", "Answering as the devices on {port}, addresses {addresses}"),
    "served": (
        "应答 {exact} 次（原样），{made} 次（由寄存器得出）",
        "{exact} answers as recorded, {made} from registers",
    ),
    "passed": ("{asked} 次无从应答", "{asked} questions that the recording does not answer"),
}


def phrase(key: str, lang: str, **facts: object) -> str:
    """The sentence for `key`. KeyError for an unknown one, or a fact that is missing."""
    return PHRASES[key][words.LANGUAGES.index(lang)].format(**facts)
