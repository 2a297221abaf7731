"""The check itself: no template makes it hang, fall over, read a file from elsewhere, or ask another machine."""

from __future__ import annotations

import os
import socket
import threading
import time

import pytest

from outreach.campaigns.trying import try_template
from outreach.emails import templates
from outreach.emails.templates import TemplateSource
from outreach.errors import Refusal
from outreach.links import Links

LINKS = Links("https://nieuws.example", b"k" * 32)
# Processor time, on a machine that may be busy; quiet it is a third of it.
SECONDS = 12.0


def page(content: str, head: str = "") -> str:
    body = f"<mj-section><mj-column><mj-text>{content}</mj-text></mj-column></mj-section>"
    return f"<mjml><mj-head>{head}</mj-head><mj-body>{body}</mj-body></mjml>"


def template(body: str, text: str = "x", parts: dict[str, str] | None = None) -> TemplateSource:
    return TemplateSource("small", "S", "", "s", (), body, text, parts or {})


WRAPPERS = ["b", "i", "u", "s", "em", "strong", "span", "small", "code", "sub"]
WRAPPED = {
    f"_parts/p{n}.mjml": "".join(f'<{tag}>{{% include "_parts/p{n + 1}.mjml" %}}</{tag}>' for tag in WRAPPERS)
    for n in range(12)
} | {"_parts/p12.mjml": "x"}
SELECTORS = "".join(f".a{n} > p ~ b:not(.c{n}) {{color:#fff}}" for n in range(4000))
HANGS = {
    "ends looked for again and again": template(page("<mj-attributes " * 15000)),
    "strings that never end": template(page('{{ "' + '\\"' * 100_000)),
    "parts in ever other places": template(page('{% include "_parts/p0.mjml" %}'), parts=WRAPPED),
    "unknown tags": template(page("".join(f"<q{n:05}x/>" for n in range(20_000)))),
    "unknown names": template(page("".join(f"{{{{ nme{n} }}}}" for n in range(8000)))),
    "unknown properties": template(page('<p style="' + "".join(f"colr{n}:1;" for n in range(20_000)) + '">x</p>')),
    "many links": template(page('<a href="https://x.example">x</a>' * 5000)),
    "many figures": template(page(" ".join(f"{n}.{n + 7} euro" for n in range(10_000, 20_000)))),
    "many comments": template(page("<!--" * 50_000)),
    "many selectors": template(page('<b class="a1">x</b>' * 5000, f"<mj-style>{SELECTORS}</mj-style>")),
    "deep tags": template(page("<b>" * 1400 + "</b>" * 1400)),
    "very deep tags": template(page("<b>" * 30_000 + "</b>" * 30_000)),
    "deep rules": template(page("x", "<mj-style>" + "@media x{" * 3000 + "</mj-style>")),
    "deep brackets": template(page('<p style="color:' + "(" * 5000 + '">x</p>')),
    "deep statements": template(page("{% if title %}" * 3000 + "{% endif %}" * 3000)),
    "broken quotes": template(page('<a b="' + "<a b='" * 20_000)),
    "many blanks": template(page("<a " + " " * 200_000 + "<a ")),
    "bare brackets": template(page(("<" + " " * 50) * 4000)),
    "many pale colours": template(
        page("".join(f'<b style="color:#f{n % 10}{n // 10 % 10}{n // 100 % 10}ff">x</b>' for n in range(4000)))
    ),
    "fields of other programs": template(page("[[" * 50_000 + "%%" * 50_000 + "{ " * 50_000 + "*|" * 50_000)),
    "many attributes": template(page("<a " + "b " * 60_000 + ">x</a>")),
}


@pytest.mark.parametrize("name", HANGS)
def test_no_template_makes_the_check_hang(name: str) -> None:
    started = time.process_time()
    templates.faults(HANGS[name])
    _, found = try_template(HANGS[name], LINKS)
    assert found
    assert len(found) < 1000
    assert time.process_time() - started < SECONDS


@pytest.fixture
def home(tmp_path, folder):
    import shutil

    shutil.copytree(folder, tmp_path / "emails")
    return tmp_path / "emails"


@pytest.mark.parametrize(
    "file", ["_parts/button.mjml", "_parts/secret.mjml", "monthly/body.txt", "monthly/template.toml"]
)
def test_a_link_out_of_the_folder_is_not_followed(home, file):
    secret = home.parent / "secret.txt"
    secret.write_text("het geheim")
    (home / file).unlink(missing_ok=True)
    (home / file).symlink_to(secret)
    with pytest.raises(Refusal, match="leads out of") as refused:
        templates.read(home, "monthly")
    assert "het geheim" not in str(refused.value)


def test_a_whole_folder_elsewhere_is_not_followed(home):
    elsewhere = home.parent / "elsewhere"
    (home / "monthly").rename(elsewhere)
    (home / "monthly").symlink_to(elsewhere, target_is_directory=True)
    with pytest.raises(Refusal, match="leads out of"):
        templates.read(home, "monthly")


def test_a_link_within_the_folder_is_followed(home):
    (home / "_parts" / "knop.mjml").symlink_to("button.mjml")
    read = templates.read(home, "monthly")
    assert read.parts["_parts/knop.mjml"] == read.parts["_parts/button.mjml"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("file", ["_parts/pipe.mjml", "monthly/body.mjml"])
def test_a_pipe_is_not_waited_for(home, file):
    (home / file).unlink(missing_ok=True)
    os.mkfifo(home / file)
    with pytest.raises(Refusal, match="no plain file"):
        templates.read(home, "monthly")


def test_a_link_to_itself_and_a_huge_file_are_refused(home):
    (home / "_parts" / "a.mjml").symlink_to("a.mjml")
    with pytest.raises(Refusal):
        templates.read(home, "monthly")
    (home / "_parts" / "a.mjml").unlink()
    (home / "_parts" / "a.mjml").write_text("x" * 2 * 1024 * 1024)
    with pytest.raises(Refusal, match="too large for a mail"):
        templates.read(home, "monthly")


@pytest.fixture
def listener():
    """An address of this machine, and how often anybody asked it."""
    asked: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        stop = threading.Event()

        def listen() -> None:
            while not stop.is_set():
                try:
                    asked.append(server.accept()[1])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=listen)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}", asked
        stop.set()
        thread.join()


def test_no_address_in_a_template_is_asked_by_the_server(listener, cli, project):
    at, asked = listener
    home = project / "templates" / "emails"
    body = (home / "monthly" / "body.mjml").read_text()
    fetching = (
        f'<mj-section background-url="http://{at}/b.png"><mj-column><mj-image src="http://{at}/i.png" alt="Dozen" />'
        f'<mj-text><img src="http://{at}/j.png" srcset="http://{at}/k.png 2x" alt="Groen" />'
        f'<a href="http://{at}/l" style="background-image:url(http://{at}/s.png)">Over ons werk</a></mj-text>'
        f"</mj-column></mj-section></mj-body>"
    )
    (home / "monthly" / "body.mjml").write_text(body.replace("</mj-body>", fetching))
    head = (home / "_parts" / "head.mjml").read_text()
    sheets = (
        f'<mj-font name="X" href="http://{at}/f.css" />'
        f'<mj-raw><link rel="stylesheet" href="http://{at}/r.css" /></mj-raw>'
        f'<mj-style>@import url("http://{at}/m.css"); @font-face {{ font-family: X; src: url(http://{at}/x.woff) }}'
        "</mj-style>"
        f'<mj-style inline="inline">.x {{ background: url(http://{at}/y.png) }}</mj-style></mj-head>'
    )
    (home / "_parts" / "head.mjml").write_text(head.replace("</mj-head>", sheets))
    ran = cli("template", "check", "monthly")
    assert "127.0.0.1" in ran.out
    cli("template", "preview", "monthly", "--out", project / "out")
    time.sleep(0.3)
    assert asked == []
    with socket.create_connection(tuple(at.split(":"))):  # the listener does hear
        time.sleep(0.4)
    assert len(asked) == 1
