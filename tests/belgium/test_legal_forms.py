import pytest

from outreach.belgium.legal_forms import legal_form, legal_forms


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("BV", "bv"),
        ("b.v.", "bv"),
        ("Besloten Vennootschap", "bv"),
        ("SRL", "bv"),
        ("NV", "nv"),
        ("S.A.", "nv"),
        ("014", "nv"),
        ("BVBA", "bvba"),
        ("sprl", "bvba"),
        ("Comm. V.", "comm.v"),
        ("GCV", "gcv"),
        ("VOF", "vof"),
        ("CVBA-SO", "cvba"),
        ("scrl", "cvba"),
        ("VZW", "vzw"),
        ("ASBL", "vzw"),
        ("private stichting", "private stichting"),
        ("éénmanszaak", "eenmanszaak"),
        ("Entreprise individuelle", "eenmanszaak"),
        ("Autonoom Gemeentebedrijf", "autonoom gemeentebedrijf"),
        ("NV van publiek recht", "nv van publiek recht"),
        ("VME", "vme"),
    ],
)
def test_spellings_in_three_languages_give_one_short_form(text: str, short: str) -> None:
    form = legal_form(text)
    assert form is not None
    assert form.short == short


@pytest.mark.parametrize("text", ["eenmanszaak", "zelfstandige", "maatschap", "feitelijke vereniging"])
def test_forms_without_legal_personality_are_no_legal_persons(text: str) -> None:
    form = legal_form(text)
    assert form is not None
    assert form.legal_person is False


def test_a_foreign_form_says_nothing_about_legal_personality() -> None:
    form = legal_form("GmbH")
    assert form is not None
    assert form.legal_person is None


@pytest.mark.parametrize("text", ["gemeente", "OCMW", "vereniging van mede-eigenaars", "070", "411", "417"])
def test_public_bodies_and_co_owners_are_no_regular_companies(text: str) -> None:
    form = legal_form(text)
    assert form is not None
    assert not form.regular


@pytest.mark.parametrize("text", ["", "onbekend", "partnership", "?"])
def test_unknown_forms_stay_unknown(text: str) -> None:
    assert legal_form(text) is None


def test_every_form_of_the_table_is_found_by_its_own_name() -> None:
    assert all(legal_form(form.short) is form and legal_form(form.name_nl) is form for form in legal_forms())
