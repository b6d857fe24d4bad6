import io

from tqdm import tqdm

from neurokit.callbacks.announce import announce


def test_a_line_stands_above_a_bar_on_the_same_output(capsys):
    import sys

    with tqdm(total=3, file=sys.stdout) as bar:
        announce("hello")
        bar.update()
    lines = capsys.readouterr().out.replace("\r", "\n").splitlines()
    assert "hello" in [line.strip() for line in lines]


def test_without_a_bar_it_is_a_plain_line(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stdout", stream)
    announce("hello")
    assert stream.getvalue() == "hello\n"
