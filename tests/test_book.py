"""Hygiene of the book: every rule of book_rules on every notebook, and the book as a whole."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import book_rules
import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import first_cell  # noqa: E402

BOOK = ROOT / "book"
NOTEBOOKS = sorted(path.name for path in BOOK.glob("*.ipynb"))
PAGES = sorted(BOOK.glob("*.ipynb")) + sorted(BOOK.glob("*.md"))


@cache
def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(BOOK / name, as_version=4)


def markdown_of(page: Path) -> str:
    if page.suffix == ".md":
        return page.read_text(encoding="utf-8")
    return "\n\n".join(c.source for c in read(page.name).cells if c.cell_type == "markdown")


def test_there_are_notebooks():
    assert NOTEBOOKS, f"no notebook in {BOOK}"  # otherwise every test below passes on nothing


@pytest.mark.parametrize("name", NOTEBOOKS)
@pytest.mark.parametrize("rule", book_rules.RULES, ids=lambda rule: rule.__name__)
def test_notebook(rule: book_rules.Rule, name: str):
    faults = rule(read(name))
    assert not faults, "\n".join(f"book/{name}: {fault}" for fault in faults)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_claim_mentioned_has_a_test(name: str):
    tests = ROOT / "tests" / "test_claims.py"
    source = tests.read_text(encoding="utf-8") if tests.is_file() else ""
    faults = book_rules.claims_without_test(book_rules.claims_in(read(name)), source)
    assert not faults, "\n".join(f"book/{name}: {fault}" for fault in faults)


def test_every_glue_key_used_is_defined():
    defined = {key for name in NOTEBOOKS for key in book_rules.glue_defined(read(name))}
    used = {key for page in PAGES for key in book_rules.glue_used(markdown_of(page))}
    faults = book_rules.undefined_glue(used, defined)
    assert not faults, "\n".join(faults)


def test_toc_lists_every_chapter_and_no_other():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    present = [page.relative_to(ROOT).with_suffix("").as_posix() for page in PAGES]
    faults = book_rules.toc_mismatch(book_rules.toc_files(toc), present)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_first_cell_fetches_the_package_where_a_repository_is_set(name: str):
    nb = read(name)
    assert first_cell.with_first_cell(nb, *first_cell.settings()) == nb, "run `make first-cells`"


def test_first_cell_comes_and_goes():
    nb = read(NOTEBOOKS[0])
    given = first_cell.with_first_cell(nb, "https://github.com/o/b", "v9")
    _, first = book_rules.code_cells(given)[0]
    assert given != nb and "--branch v9 https://github.com/o/b " in first.source
    assert not [fault for rule in book_rules.RULES for fault in rule(given)]
    assert first_cell.with_first_cell(given, "https://github.com/o/b", "v9") == given
    assert first_cell.with_first_cell(given, "", "v9") == nb


def test_the_build_is_strict():
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    faults = book_rules.lax_build(config)
    assert not faults, "\n".join(faults)
