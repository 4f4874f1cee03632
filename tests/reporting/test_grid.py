"""Tables of text."""

from cnnlab.reporting import Table, escape_markdown, table_markdown, table_text

TABLE = Table(
    ["name", "a number"], [["one_", "1"], ["a|b", "10,000"]], "<>", title="A *title*", notes=["So."]
)


def test_text():
    assert table_text(TABLE) == (
        "A *title*\n\nname  a number\n----  --------\none_         1\na|b     10,000\n\nSo.\n"
    )


def test_markdown():
    assert table_markdown(TABLE) == (
        "## A \\*title\\*\n"
        "\n"
        "| name | a number |\n"
        "| --- | --: |\n"
        "| one\\_ | 1 |\n"
        "| a\\|b | 10,000 |\n"
        "\n"
        "So.  \n"
    )


def test_rows_become_columns_where_that_is_narrower():
    wide = Table(["first", "second", "third", "fourth"], [["1", "2", "3", "4"]], "<<<<")
    assert table_text(wide, width=20).splitlines()[0] == "first   1"
    assert table_text(wide, width=100).splitlines()[0] == "first  second  third  fourth"
    long = Table(["a", "b"], [["1" * 30, "2" * 30]] * 3, "<<")
    assert table_text(long, width=20).splitlines()[0].split() == ["a", "b"]


def test_signs_of_markdown():
    assert escape_markdown("a_b*c|d\\e") == "a\\_b\\*c\\|d\\\\e"
