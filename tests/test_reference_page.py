"""The reference page has the whole public face, with examples, and the commands as they are."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import gru_sym
from gru_sym.cli.arguments import HelpAsked
from gru_sym.cli.main import COMMANDS, _parser, main

PAGE = (Path(__file__).parent.parent / "book" / "reference.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^# (.+)\npython -m gru_sym (.+)$", PAGE, re.MULTILINE)
"""What a command does, and an example of it."""
VERBS = (
    "Cell Layer cell effective_count redundancy equivalent source generate budget match cost "
    "explain convert merge_biases"
).split()


def test_every_public_name_has_its_entry():
    entries = re.findall(r"^\.\. auto\w+:: gru_sym\.(\w+)$", PAGE, re.MULTILINE)
    assert sorted(entries) == sorted(gru_sym.__all__)


@pytest.mark.parametrize("verb", VERBS)
def test_a_main_verb_has_four_examples(verb: str):
    """Statements that show something; imports and what is only prepared do not count."""
    examples = doctest.DocTestParser().get_examples(getattr(gru_sym, verb).__doc__)
    shown = [e for e in examples if e.want]
    if verb == "cell":
        catalogue = type(gru_sym.catalogue).__doc__
        shown += [e for e in doctest.DocTestParser().get_examples(catalogue) if e.want]
    assert len(shown) >= 4


def test_the_page_has_every_command_in_the_words_of_its_help():
    with pytest.raises(HelpAsked) as asked:
        _parser("gru_sym").parse_args(["--help"])
    help_text = " ".join(str(asked.value).split())
    assert tuple(example.split()[0] for _, example in ROWS) == COMMANDS
    for does, example in ROWS:
        assert f" {example.split()[0]} {does}" in help_text


@pytest.mark.parametrize("example", [example for _, example in ROWS])
def test_every_example_of_a_command_runs(example: str, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("my.cell").write_text("h' = tanh(W @ x + U @ h)\n", encoding="utf-8")
    tensors = {"kernel": (5, 9), "recurrent_kernel": (3, 9), "bias": (2, 9)}
    np.savez("model.npz", **{name: np.ones(shape) for name, shape in tensors.items()})
    words = shlex.split(example)
    if words[0] in ("gpu", "experiment"):  # minutes
        assert _parser("gru_sym").parse_args(words).record == "record.json"
        return
    assert main(words) == 0
    assert capsys.readouterr().out or words[0] == "convert"
