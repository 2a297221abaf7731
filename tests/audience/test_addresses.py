import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from outreach.audience import addresses
from outreach.audience.addresses import Address, AddressError, parse_address
from outreach.audience.impersonal import ROLE_WORDS, is_free_mail, kind_of

# Texts near the fast path's edge: plain characters with the odd one that must leave it.
near_plain = st.text(alphabet="abzAZ09._-+@ x'", max_size=12)
labels = st.from_regex(r"[A-Za-z0-9-]{1,6}", fullmatch=True)
near_addresses = st.builds(
    lambda local, parts, tld: f"{local}@{'.'.join([*parts, tld])}",
    st.from_regex(r"[A-Za-z0-9._+-]{1,12}", fullmatch=True),
    st.lists(labels, min_size=0, max_size=3),
    st.one_of(
        labels, st.sampled_from(["be", "test", "local", "localhost", "invalid", "onion", "arpa", "example", "c0m"])
    ),
)


def judge(text: str) -> Address | None:
    """What email-validator says of an address, the truth that the fast path must agree with."""
    try:
        checked = validate_email(text, check_deliverability=False, strict=True, test_environment=True)
    except EmailNotValidError:
        return None
    return Address(checked.normalized, checked.local_part, checked.ascii_domain)


@given(st.one_of(near_addresses, near_plain))
@example("Info@Firma.BE")
@example("SUPPORT@x.be")
@example("a@xn--bcher-kva.example")
@example("a@ab--cd.example")
@example("a@x.LOCAL")
@example("a" * 65 + "@x.be")
@example("a@" + "b" * 64 + ".be")
@example("a@x.be\n")
def test_whatever_the_fast_path_accepts_email_validator_accepts_with_the_same_result(text: str) -> None:
    fast = addresses._parse_plain(text)
    assert fast is None or fast == judge(text)


@given(st.one_of(near_addresses, st.emails()))
def test_an_address_is_accepted_exactly_when_email_validator_accepts_it(text: str) -> None:
    truth = judge(text)
    if truth is not None and "." in truth.domain and not text.startswith("'"):
        assert parse_address(text) == truth
    elif truth is None and text.strip(" .,;'") == text:
        with pytest.raises(AddressError):
            parse_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "info@firma.example",
        " info@firma.example ",
        "mailto:info@firma.example",
        "MAILTO:info@firma.example?subject=Hallo",
        "<info@firma.example>",
        "Firma BV <info@firma.example>",
        '"Peeters, Jan" <info@firma.example>;',
        "info@firma.example <info@firma.example>",
        "'info@firma.example'",
        '"info@firma.example"',
        "info@firma.example;",
        "info@firma.example,",
        "info@firma.example\u200b",
        "\ufeffinfo@firma.example",
        "\u00a0info@firma.example\u00a0",
        "\u202ainfo@firma.example\u202c",
        "Info@Firma.Example",
    ],
)
def test_the_wrappings_of_spreadsheets_and_mail_programs_are_taken_off(text: str) -> None:
    assert parse_address(text) == Address("info@firma.example", "info", "firma.example")


def test_an_international_domain_is_shown_in_unicode_and_kept_as_a_labels() -> None:
    for text in ("jan@Bücher.example", "jan@xn--bcher-kva.example"):
        assert parse_address(text) == Address("jan@bücher.example", "jan", "xn--bcher-kva.example")


def test_an_international_local_part_is_normalised() -> None:
    composed, decomposed = parse_address("ren\u00e9@firma.example"), parse_address("rene\u0301@firma.example")
    assert composed == decomposed
    assert composed.local == "ren\u00e9"


def test_the_form_that_is_hashed_ignores_case_and_spelling() -> None:
    forms = {
        parse_address(text).hash_form for text in ("Jan.Peeters@BÜCHER.example", "jan.peeters@xn--bcher-kva.example")
    }
    assert forms == {"jan.peeters@xn--bcher-kva.example"}
    assert parse_address("REN\u00c9@firma.example").hash_form == parse_address("rene\u0301@firma.example").hash_form


def test_a_local_part_keeps_its_case_unless_it_is_a_caseless_mailbox() -> None:
    assert parse_address("Jan.Peeters@firma.example").address == "Jan.Peeters@firma.example"
    assert parse_address("INFO@firma.example").address == "info@firma.example"


@pytest.mark.parametrize("text", ["a@firma.test", "a@firma.example", "a@b.firma.test"])
def test_the_domains_of_invented_companies_are_accepted(text: str) -> None:
    assert parse_address(text).address == text


@pytest.mark.parametrize("text", ["a@localhost", "a@x.local", "a@x.localhost", "a@x.invalid", "a@test", "a@x.onion"])
def test_domains_that_no_mail_reaches_are_refused(text: str) -> None:
    with pytest.raises(AddressError, match="not a valid address"):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        (" ; ", "is empty"),
        ("geen", "must have an @-sign"),
        ("jan@", "something after"),
        ("@firma.example", "something before"),
        ("jan peeters@firma.example", "SPACE"),
        ("jan@firma", "period"),
        ("jan..p@firma.example", "two periods"),
        ("jan@firma..example", "two periods"),
        ("a@b.example; c@d.example", "more than one address"),
        ("a@b.example, c@d.example", "more than one address"),
        ("a@b.example c@d.example", "more than one address"),
        ("a@b.example/c@d.example", "more than one address"),
        ("Jan <a@b.example>, Piet <c@d.example>", "more than one address"),
        ("c@d.example <a@b.example>", "more than one address"),
        ("a@b.example\r\nBcc: c@d.example", "more than one address"),
        ("a@b.example\r\nBcc: x", "not a valid address"),
        ("jan@[127.0.0.1]", "bracketed IP"),
        ('"jan p"@firma.example', "Quoting"),
        ("a" * 65 + "@firma.example", "too long before"),
        ("a" * 5000 + "@firma.example", "5014 characters"),
        ("jan@firma.example\x00", "not a valid address"),
    ],
)
def test_what_is_not_one_valid_address_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(AddressError, match=reason):
        parse_address(text)


@given(st.text(max_size=30))
def test_any_text_gives_an_address_that_parses_to_itself_or_an_address_error(text: str) -> None:
    try:
        address = parse_address(text)
    except AddressError:
        return
    assert parse_address(address.address) == address
    assert not set(address.address) & set("\r\n\0 ")


@pytest.mark.parametrize(
    "local",
    [
        "info", "INFO", "contact", "sales", "verkoop", "aankoop", "boekhouding", "hr", "administratie", "secretariaat",
        "onthaal", "receptie", "office", "hello", "hallo", "mail", "post", "directie", "facturen", "marketing",
        "service", "support", "planning", "magazijn", "comptabilité", "info.gent", "info-be", "sales2", "info_nl",
        "info+beurs", "verkoop.west-vlaanderen", "gent.info", "klanten.dienst",
    ],
)  # fmt: skip
def test_impersonal_addresses_are_known(local: str) -> None:
    assert kind_of(local, "firma.example") == "role"


@pytest.mark.parametrize(
    "local",
    [
        "jan",
        "jan.peeters",
        "info.jan",
        "jan.info",
        "peeters",
        "j.peeters",
        "ceo",
        "zaakvoerder",
        "gent",
        "firmanaam",
        "x7",
        "2",
        "",
    ],
)
def test_unknown_counts_as_personal(local: str) -> None:
    assert kind_of(local, "firma.example") == "personal"


@pytest.mark.parametrize(
    "domain",
    ["gmail.com", "hotmail.com", "hotmail.it", "telenet.be", "skynet.be", "outlook.be", "proximus.be", "yahoo.co.uk"],
)
def test_a_free_mail_address_is_always_personal(domain: str) -> None:
    assert is_free_mail(domain)
    assert kind_of("info", domain) == "personal"


def test_a_domain_that_only_resembles_free_mail_is_a_company() -> None:
    assert not is_free_mail("live.firma.be")
    assert not is_free_mail("gmail-consulting.be")


def test_a_role_word_that_is_the_name_of_the_contact_is_personal() -> None:
    assert kind_of("post", "firma.example", "Pim", "Post") == "personal"
    assert kind_of("info.mol", "firma.example", "An", "Mol") == "personal"
    assert kind_of("info", "firma.example", "An", "De Mol") == "role"


def test_every_role_word_stands_as_it_is_compared() -> None:
    assert all(word == word.lower() and kind_of(word, "firma.example") == "role" for word in ROLE_WORDS)


def test_the_kind_of_an_address_is_known_without_names() -> None:
    assert parse_address("info@firma.example").kind == "role"
    assert parse_address("jan@firma.example").kind == "personal"


@pytest.mark.parametrize("text", ["INFO@Firma.example.", "<info@firma.example.>", "info@firma.example.;"])
def test_the_root_dot_of_a_domain_is_taken_off(text: str) -> None:
    assert parse_address(text).address == "info@firma.example"


def test_more_than_a_root_dot_is_still_a_typing_error() -> None:
    for text in ("info@firma.example..", "info.@firma.example", "info@.firma.example"):
        with pytest.raises(AddressError):
            parse_address(text)
