from __future__ import annotations

from typing import Any

import pytest

from neurokit.cards.markdown import bullets, code, folded, heading, paragraph, picture, plain, prose, table


@pytest.fixture(scope="module")
def html() -> Any:
    markdown = pytest.importorskip("markdown_it")
    return markdown.MarkdownIt("gfm-like", {"linkify": False, "html": True}).render


@pytest.mark.parametrize(
    "name",
    ["a|b", "`x`", "*x*", "_x_", "__x__", "a_b", "[x](y)", "![x](y)", "<b>x</b>", "&lt;", "# x", "- x", "+ x", "1. x",
     "2) x", "---", "===", "~~x~~", "\\", "\\|", "a\\", "$x$", "5", "-5.2", "=", "-", "#", "***", "|", "x  y", "```"],
)  # fmt: skip
def test_a_name_is_shown_as_it_is(html: Any, name: str) -> None:
    shown = (
        " ".join(name.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    )
    assert html(paragraph(name)) == f"<p>{shown}</p>\n"
    assert f"<td>{shown}</td>" in html(table(["name"], [[name]]))
    assert html(bullets([name])) == f"<ul>\n<li>{shown}</li>\n</ul>\n"
    assert html(heading(name, 2)) == f"<h2>{shown}</h2>\n"


def test_plain_text_is_one_line_that_a_file_can_hold() -> None:
    assert plain("a\r\nb\tc\0d\u2028e\x85f") == "a b c d e f"
    assert plain("\u202egpj.exe\u200b") == "gpj.exe"
    assert plain("\ud800").encode() == "\N{REPLACEMENT CHARACTER}".encode()
    assert plain("naïve 数据") == "naïve 数据"
    assert plain("a" * 100 + "b" * 100, 30) == "a" * 17 + "..." + "b" * 10
    assert len(plain("ab" * 10**6)) == 120


def test_cells_and_columns_stay_what_they_are(html: Any) -> None:
    written = html(table(["a|b", "n"], [["x|y\nz", 3], ["", None]], numbers=1))
    assert written.count("<tr>") == 3
    assert '<td style="text-align:right">3</td>' in written
    assert table(["a"], []) == ""


def test_code_cannot_close_its_fence(html: Any) -> None:
    content = "a\n```\n# heading\n````\n<b>"
    written = html(code(content, "python"))
    assert written.startswith('<pre><code class="language-python">')
    assert "<h1>" not in written
    assert written.count("<pre>") == 1


def test_what_is_folded_is_markdown_inside(html: Any) -> None:
    written = html(folded("<3 classes>", table(["a"], [["b"]])))
    assert "<table>" in written
    assert "<summary>&lt;3 classes&gt;</summary>" in written


def test_a_picture_has_a_link_that_holds_its_name(html: Any) -> None:
    assert html(picture("a b)#.png", "a] <b>")) == '<p><img src="a%20b%29%23.png" alt="a] &lt;b&gt;" /></p>\n'


def test_what_a_person_wrote_keeps_its_emphasis_lists_and_links(html: Any) -> None:
    written = html(prose("**Not** for:\n\n- children\n- [triage](https://example.org/a?b=c&d)\n\n1. one"))
    assert "<strong>Not</strong>" in written
    assert '<a href="https://example.org/a?b=c&amp;d">triage</a>' in written
    assert written.count("<li>") == 3


@pytest.mark.parametrize(
    "text",
    ["# A heading", "a\n===", "a\n---", "<script>x</script>", "[x](javascript:alert(1))", "![x](https://a.b/c.png)",
     "[a]: javascript:x\n\n[a]", "<javascript:x>", "```\nopen", "~~~\nopen", "\t# code", "a\n    # b", "***\n",
     "![a][b]",
     "---\nlicense: mit\n---"],
)  # fmt: skip
def test_what_a_person_wrote_brings_no_html_headings_or_pictures(html: Any, text: str) -> None:
    written = html(prose(text) + "\n\n## Next\n")
    assert written.count("<h") - written.count("<hr") == 1
    assert written.endswith("<h2>Next</h2>\n")
    for part in ("<script", "<img", 'href="javascript', "<pre"):
        assert part not in written
