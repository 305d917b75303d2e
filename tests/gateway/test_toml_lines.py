"""Lines of keys in a TOML text."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from gateway.toml_lines import Path, lines_of

TEXT = r"""# [not.a.table]
top = 1
[a.b]  # with a comment
"quoted key" = "x # no comment"
many = [
  1, # one
  { deep = 2, "d" = [ { x = 1 } ] },
  @
[[no]]
k = 1 \"@,
]
dotted . name = 'its'
[[list]]
k = '''
k = 2'''
[[list.inner]]
k = 3
[list.table]
k = 4
[[list]]
[[list.inner]]
[[list.inner]]
k = 5
""".replace("@", '"' * 3)


def test_tables_keys_and_items_are_found_where_they_stand():
    tomllib.loads(TEXT)
    lines = lines_of(TEXT)
    assert lines[("top",)] == 2
    assert lines[("a",)] == lines[("a", "b")] == 3
    assert lines[("a", "b", "quoted key")] == 4
    assert lines[("a", "b", "many")] == 5
    assert [lines[("a", "b", "many", i)] for i in range(3)] == [6, 7, 8]
    assert lines[("a", "b", "many", 1, "d", 0, "x")] == 7
    assert lines[("a", "b", "dotted", "name")] == 12
    assert lines[("list", 0, "k")] == 14
    assert lines[("list", 0, "inner", 0, "k")] == 17
    assert lines[("list", 0, "table", "k")] == 19
    assert lines[("list", 1)] == 20
    assert lines[("list", 1, "inner", 1, "k")] == 23
    assert ("no",) not in lines
    assert ("not",) not in lines


def test_windows_line_ends_count_once():
    assert lines_of("a = 1\r\nb = '''\r\n'''\r\nc = 3\r\n")[("c",)] == 4


keys = st.sampled_from(["a", "b-1", '"q u"', "'#'", '"\\""', "é1"[1:]])
space = st.sampled_from(["", " ", "\t"])
leaves = st.sampled_from(
    ["1", "2020-01-01T00:00:00Z", '"a#\\"[b]"', "'[[x]]'", '"""\n"x"\\"\n"""', "'''\n]'''", "true"]
)
values = st.recursive(
    leaves, lambda v: st.lists(v, max_size=3).map(lambda items: "[\n# ]\n" + ",\n".join(items) + "]"), max_leaves=6
)


@given(
    st.lists(
        st.tuples(keys, values, space, st.sampled_from(["\n", "\n\n", " # c\n"])), max_size=6, unique_by=lambda t: t[0]
    )
)
def test_every_key_of_a_generated_text_is_found_in_its_line(pairs):
    text = "[t]\n"
    expected: dict[Path, int] = {}
    for key, value, gap, end in pairs:
        plain = next(iter(tomllib.loads(key + "=1")))
        expected[("t", plain)] = text.count("\n") + 1
        text += f"{gap}{key}{gap}={gap}{value}{end}"
    tomllib.loads(text)
    found = lines_of(text)
    assert {path: found.get(path) for path in expected} == expected


@given(st.text(alphabet="[]{}=,.\"'#\n\\ ab1", max_size=60))
def test_any_text_that_is_toml_gets_a_line_for_each_of_its_keys(text):
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = lines_of(text)
    assert all((key,) in lines for key in document)
