"""What a person is told about a file that they wrote."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from outreach.documents import parse_yaml, validate
from outreach.errors import FileRefused


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    active: bool = True
    number: int = 1
    words: list[str] = []


def test_faults_are_told_in_plain_words_and_in_the_order_of_the_file() -> None:
    text = "words: geen\nnmae: x\nnumber: veel\nactive: misschien\nname: 12\n"
    with pytest.raises(FileRefused) as refused:
        validate(Form, parse_yaml(text, Path("f.yaml")))
    told = [(complaint.line, complaint.text) for complaint in refused.value.complaints]
    assert told == [
        (1, "words: write a list (found 'geen')"),
        (2, "nmae: unknown name; did you mean 'name'?; known here: active, name, number, words"),
        (3, "number: write a whole number (found 'veel')"),
        (4, "active: write true or false (found 'misschien')"),
        (5, "name: write a text; put quotes around it if it looks like a number, a date or true (found 12)"),
    ]


@pytest.mark.parametrize("text", ["[" * 59_000, "{" * 59_000, "{a: " * 15_000, "- " * 29_000, "? " * 29_000])
def test_a_page_of_brackets_is_refused_before_anything_is_built(text: str) -> None:
    before = time.process_time()
    with pytest.raises(FileRefused):
        parse_yaml(text, Path("f.yaml"))
    assert time.process_time() - before < 5  # it took 40 s; this takes a few milliseconds


@pytest.mark.parametrize(
    "text", ["a:\n\tb: 1\n", "a:\n  b: 1\n\tc: 2\n", "a: b\n \tc: d\n", "a:\n  -\tb: \tc\n\t- d\n"]
)
def test_a_tab_in_yaml_is_named_as_what_it_is(text: str) -> None:
    with pytest.raises(FileRefused, match=r"f.yaml:\d: is not YAML: use spaces, not tabs$"):
        parse_yaml(text, Path("f.yaml"))


@pytest.mark.parametrize(
    "text",
    ['name: "\\ud800"', 'name: "a\\0"', '"\\ud800": x', "name: 0x" + "f" * 5000, "name: " + ":".join(["1"] * 5000)],
)
def test_a_text_that_no_database_takes_and_a_number_that_nobody_reads_are_refused(text: str) -> None:
    with pytest.raises(FileRefused) as refused:
        validate(Form, parse_yaml(text, Path("f.yaml")))
    str(refused.value).encode()
