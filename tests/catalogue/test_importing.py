from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from outreach.app import App
from outreach.belgium.numbers import make_enterprise_number
from outreach.catalogue import services
from outreach.catalogue.files import read_catalogue
from outreach.catalogue.matching import candidates, exposures_so_far
from outreach.errors import FileRefused, Refusal
from outreach.models import Company, CompanyStatus, DeliveryForm, Enterprise, Service
from tests.conftest import NOW, ROOT

FIRST, SECOND = make_enterprise_number(4_000_001), make_enterprise_number(4_000_002)

YAML = f"""\
enterprises:
  - name: Atelier De Brug
    enterprise_number: "{FIRST}"
    postcode: 9000
    email: leads@debrug.example
    website: www.debrug.example
    services:
      - name: Verpakken & co-packing
        category: Verpakken en co-packing
        forms: [in het atelier, enclave]
        provinces: [Oost-Vlaanderen, "10000"]
        sectors: [C, "2008:10", "46.1"]
        summary: Wij verpakken klein en groot.
        text: |
          **Elke** maat.
      - name: Café-onderhoud
        category: cleaning
        forms: bij de klant
        provinces: vlaanderen
        summary: Proper.
"""


def write(project: Path, text: str, name: str = "catalogue.yaml") -> Path:
    file = project / name
    file.write_text(text)
    return file


def imported(app: App, *files: Path, **options: Any) -> services.ImportSummary:
    with app.database.writing() as session:
        return services.import_catalogue(session, read_catalogue(files, app.project), NOW, **options)


def refusal(app: App, *files: Path) -> str:
    with pytest.raises(FileRefused) as refused:
        imported(app, *files)
    return str(refused.value)


def test_enterprises_and_services_of_a_yaml_file_are_imported(both: App) -> None:
    summary = imported(both, write(both.project, YAML))
    assert (summary.enterprises_added, summary.services_added) == (1, 2)
    with both.database.reading() as session:
        offered = {candidate.slug: candidate for candidate in candidates(session)}
        assert set(offered) == {"verpakken-en-co-packing", "cafe-onderhoud"}
        packing = offered["verpakken-en-co-packing"]
        assert packing.category == "packaging"
        assert set(packing.forms) == {DeliveryForm.WORKSHOP, DeliveryForm.ON_SITE}
        assert packing.provinces == ("10000", "40000")
        assert packing.sectors_2025 == ("C", "G")
        assert packing.municipality == "Gent"
        assert offered["cafe-onderhoud"].sectors_2025 == ()
        enterprise = session.scalar(select(Enterprise))
        assert enterprise is not None
        assert enterprise.website == "https://www.debrug.example"
        assert exposures_so_far(session) == {}


def test_importing_the_same_file_again_changes_nothing(both: App) -> None:
    file = write(both.project, YAML)
    imported(both, file)
    with both.database.reading() as session:
        before = [(s.slug, s.updated_at) for s in services.listed(session)]
    with both.database.writing() as session:
        again = services.import_catalogue(
            session, read_catalogue([file], both.project), NOW.replace(year=2027), withdraw_missing=True
        )
    assert (again.enterprises_unchanged, again.services_unchanged) == (1, 2)
    assert again.enterprises_added + again.enterprises_changed + again.services_added + again.services_changed == 0
    with both.database.reading() as session:
        assert [(s.slug, s.updated_at) for s in services.listed(session)] == before


def test_only_what_changed_is_changed_and_its_slug_stays(app: App) -> None:
    imported(app, write(app.project, YAML))
    summary = imported(app, write(app.project, YAML.replace("Oost-Vlaanderen", "Limburg")))
    assert (summary.services_changed, summary.services_unchanged, summary.enterprises_unchanged) == (1, 1, 1)
    renamed = YAML.replace("- name: Café-onderhoud", "- name: Onderhoud van cafés\n        slug: cafe-onderhoud")
    assert imported(app, write(app.project, renamed)).services_added == 0
    with app.database.reading() as session:
        service = services.find_service(session, "cafe-onderhoud")
        assert service is not None
        assert service.name == "Onderhoud van cafés"


def test_a_service_missing_from_a_later_file_stays_unless_it_is_to_be_withdrawn(app: App) -> None:
    other = YAML.replace(FIRST, SECOND).replace("De Brug", "Het Anker")
    imported(app, write(app.project, YAML), write(app.project, other, "other.yaml"))
    fewer = write(app.project, YAML[: YAML.index("      - name: Café")])
    assert imported(app, fewer).services_withdrawn == 0
    assert imported(app, fewer, withdraw_missing=True).services_withdrawn == 1
    with app.database.reading() as session:
        assert len(candidates(session)) == 3  # the other enterprise isn't touched


def test_an_import_does_not_offer_again_what_a_person_withdrew(app: App) -> None:
    file = write(app.project, YAML)
    imported(app, file)
    with app.database.writing() as session:
        assert services.withdraw(session, "cafe-onderhoud", NOW)
        assert not services.withdraw(session, "cafe-onderhoud", NOW)
    assert imported(app, file).still_withdrawn == ["cafe-onderhoud"]
    with app.database.writing() as session:
        assert [c.slug for c in candidates(session)] == ["verpakken-en-co-packing"]
        assert services.restore(session, "cafe-onderhoud", NOW)
        assert len(candidates(session)) == 2
        services.withdraw(session, "atelier-de-brug", NOW)
        assert candidates(session) == []


def test_a_service_that_takes_no_more_customers_is_listed_and_never_shown_in_a_mail(app: App) -> None:
    imported(
        app, write(app.project, YAML.replace("summary: Proper.", "summary: Proper.\n        taking_customers: nee"))
    )
    with app.database.reading() as session:
        assert [c.slug for c in candidates(session)] == ["verpakken-en-co-packing"]
        assert len(services.listed(session)) == 2


def test_equal_names_get_stable_suffixes(app: App) -> None:
    other = YAML.replace(FIRST, SECOND)
    files = write(app.project, YAML), write(app.project, other, "other.yaml")
    imported(app, *files)
    with app.database.reading() as session:
        before = {(s.enterprise.enterprise_number, s.name): s.slug for s in services.listed(session)}
    assert before[SECOND, "Café-onderhoud"] == "cafe-onderhoud-2"
    imported(app, *reversed(files))
    with app.database.reading() as session:
        assert {(s.enterprise.enterprise_number, s.name): s.slug for s in services.listed(session)} == before
        assert {e.slug for e in session.scalars(select(Enterprise))} == {"atelier-de-brug", "atelier-de-brug-2"}


def test_every_fault_is_listed_with_file_and_line_and_nothing_is_imported(app: App) -> None:
    good = write(app.project, YAML)
    bad = write(
        app.project,
        YAML.replace(FIRST, "0400000199")
        .replace("Verpakken en co-packing\n", "verpaking\n")
        .replace("in het atelier", "per post")
        .replace("Oost-Vlaanderen", "Oost-Vlandren")
        .replace('"2008:10"', '"2008:45"')
        .replace("leads@debrug.example", "leads(at)debrug")
        .replace("summary: Proper.", "sumary: Proper."),
        "bad.yaml",
    )
    text = refusal(app, good, bad)
    for line, part in (
        (3, "enterprise_number"),
        (5, "email"),
        (9, "category"),
        (10, "forms"),
        (11, "Antwerpen, Vlaams-Brabant"),
        (12, "NACE-BEL 2025"),
        (16, "summary: is required"),
        (20, "did you mean 'summary'"),
    ):
        assert any(f"bad.yaml:{line}:" in each and part in each for each in text.splitlines()), (line, part, text)
    with app.database.reading() as session:
        assert session.scalars(select(Enterprise)).all() == []


def test_a_number_without_quotes_is_refused_since_yaml_reads_it_as_another(app: App) -> None:
    text = refusal(app, write(app.project, YAML.replace(f'"{FIRST}"', "0203201340")))
    assert "catalogue.yaml:3" in text
    assert "quotes" in text


def test_a_slug_that_is_taken_or_was_another_before_is_refused(app: App) -> None:
    imported(app, write(app.project, YAML))
    changed = YAML.replace("category: cleaning", "category: cleaning\n        slug: poetsen")
    assert "'cafe-onderhoud' already" in refusal(app, write(app.project, changed))
    other = YAML.replace(FIRST, SECOND).replace(
        "category: cleaning", "category: cleaning\n        slug: cafe-onderhoud"
    )
    assert "is taken" in refusal(app, write(app.project, other))
    twice = YAML + YAML.partition("\n")[2]
    assert "stands already at" in refusal(app, write(app.project, twice))


ENTERPRISES = "Ondernemingsnummer;Naam;Postcode;E-mail\r\n{number};Atelier Zuid;2070;info@zuid.example\r\n"
SERVICES = (
    "KBO;Dienst;Categorie;Vormen;Provincies;Sectoren;Samenvatting;Tekst;Neemt klanten aan\r\n"
    '{number};Groenonderhoud;green;"enclave, product";alle;;Mooi groen;"Twee\r\nregels";ja\r\n'
    "{number};Strijk;laundry;atelier;limburg;I,2008:55;Zo strak;;nee\r\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_lists_of_enterprises_and_services_as_excel_writes_them_are_imported(app: App, encoding: str) -> None:
    first, second = app.project / "e.csv", app.project / "s.csv"
    first.write_bytes(ENTERPRISES.format(number=FIRST).replace("Zuid;", "Zuidé;").encode(encoding))
    second.write_bytes(SERVICES.format(number=FIRST).encode(encoding))
    summary = imported(app, first, second)
    assert (summary.enterprises_added, summary.services_added) == (1, 2)
    with app.database.reading() as session:
        strijk = services.find_service(session, "strijk")
        groen = services.find_service(session, "groenonderhoud")
        assert strijk is not None
        assert groen is not None
        assert not strijk.taking_customers
        assert strijk.enterprise.name == "Atelier Zuidé"
        assert strijk.enterprise.province_nis == "40000"
        assert {row.section_2025 for row in strijk.sectors} == {"I"}
        assert groen.text == "Twee\nregels"
        assert len(groen.provinces) == 11
    assert imported(app, second).services_unchanged == 2


def test_the_name_of_the_enterprise_may_stand_beside_the_service(app: App) -> None:
    (app.project / "e.csv").write_text(ENTERPRISES.format(number=FIRST))
    lines = SERVICES.format(number=FIRST).splitlines()
    named = ["Maatwerkbedrijf;" + lines[0], *(f"Zuid;{line}" for line in (lines[1] + " " + lines[2], lines[3]))]
    (app.project / "s.csv").write_text("\n".join(named))
    assert imported(app, app.project / "e.csv", app.project / "s.csv").services_added == 2


def test_the_line_of_a_faulty_csv_row_is_its_line_in_the_file(app: App) -> None:
    (app.project / "e.csv").write_text(ENTERPRISES.format(number=FIRST))
    faulty = SERVICES.format(number=FIRST).replace("Strijk;laundry", "Strijk;laundery").encode()
    (app.project / "s.csv").write_bytes(faulty)
    text = refusal(app, app.project / "e.csv", app.project / "s.csv")
    assert "s.csv:4: category: 'laundery' is no category (did you mean laundry, 'Strijk en wasserij'?)" in text
    (app.project / "s.csv").write_text(SERVICES.format(number=SECOND))
    assert f"s.csv:2: enterprise {SECOND} is in no file" in refusal(app, app.project / "e.csv", app.project / "s.csv")
    (app.project / "s.csv").write_text("kbo;dienst;categorie;kleur\n1;2;3;4\n")
    assert "s.csv:1: column 'kleur' is unknown" in refusal(app, app.project / "s.csv")


def with_picture(name: str, alt: str = "Een vrouw bij een boom") -> str:
    return YAML.replace(
        "summary: Proper.", f"summary: Proper.\n        picture: {name!r}\n        picture_alt: {alt!r}"
    )


def test_a_picture_is_a_real_one_inside_the_project_and_described(app: App) -> None:
    folder = app.project / "pictures"
    folder.mkdir()
    for name, kind in (("a.png", "PNG"), ("b.jpg", "JPEG"), ("c.webp", "WEBP")):
        Image.new("RGB", (8, 8)).save(folder / name, kind)
        imported(app, write(app.project, with_picture(f"pictures/{name}")))
    (folder / "page.png").write_text("<html>")
    (folder / "cut.png").write_bytes((folder / "a.png").read_bytes()[:40])
    (folder / "wrong.jpg").write_bytes((folder / "a.png").read_bytes())
    (folder / "out.png").symlink_to("/etc/passwd")
    Image.new("1", (5000, 5000)).save(folder / "huge.png")
    for name, part in (
        ("../a.png", "inside the project folder"),
        ("/etc/passwd", "inside the project folder"),
        (".state/keys.json", "inside the project folder"),
        ("pictures/none.png", "is not there"),
        ("pictures/page.png", "no PNG, JPEG or WebP"),
        ("pictures/cut.png", "damaged"),
        ("pictures/wrong.jpg", "is a PNG picture"),
        ("pictures/out.png", "leads out of the project"),
        ("pictures/huge.png", "pixels"),
    ):
        text = refusal(app, write(app.project, with_picture(name)))
        assert "catalogue.yaml:21" in text
        assert part in text
    text = refusal(app, write(app.project, with_picture("pictures/a.png", "")))
    assert "catalogue.yaml:16: enterprise 'Atelier De Brug', service 'Café-onderhoud': picture_alt" in text


def test_the_example_of_the_documentation_can_be_imported(app: App) -> None:
    text = (ROOT / "docs" / "catalogue.md").read_text()
    (app.project / "pictures").mkdir()
    Image.new("RGB", (8, 8)).save(app.project / "pictures" / "verpakken.jpg")
    summary = imported(app, write(app.project, text.partition("```yaml\n")[2].partition("```")[0]))
    assert (summary.enterprises_added, summary.services_added) == (1, 1)


def test_a_company_that_turns_out_to_be_an_enterprise_is_no_regular_company(app: App) -> None:
    with app.database.writing() as session:
        values = {"created_at": NOW, "updated_at": NOW}
        session.add(Company(enterprise_number=FIRST, name="De Brug", name_key="debrug", **values))
    imported(app, write(app.project, YAML))
    with app.database.reading() as session:
        company = session.scalar(select(Company))
        assert company is not None
        assert company.status is CompanyStatus.NOT_REGULAR


def test_withdrawing_what_is_missing_needs_a_file_with_services(app: App) -> None:
    (app.project / "e.csv").write_text(ENTERPRISES.format(number=FIRST))
    with pytest.raises(Refusal, match="hold no services"):
        imported(app, app.project / "e.csv", withdraw_missing=True)


def test_the_commands_import_list_show_and_withdraw(cli: Callable[..., Any], project: Path) -> None:
    write(project, YAML)
    dry = cli("catalogue", "import", "catalogue.yaml", "--dry-run")
    assert dry.code == 0
    assert "dry run" in dry.out
    assert json.loads(cli("catalogue", "list", "--json").out) == []
    done = cli("catalogue", "import", "catalogue.yaml", "--json")
    assert json.loads(done.out)["services_added"] == 2
    listed = json.loads(cli("catalogue", "list", "--json", "--province", "Antwerpen").out)
    assert [row["slug"] for row in listed] == ["cafe-onderhoud", "verpakken-en-co-packing"]
    shown = json.loads(cli("catalogue", "show", "cafe-onderhoud", "--json").out)
    assert shown["enterprise_number"] == FIRST
    assert json.loads(cli("catalogue", "show", "atelier-de-brug", "--json").out)["services"]
    assert cli("catalogue", "withdraw", "cafe-onderhoud").code == 0
    assert "1 service of 1" in cli("catalogue", "list").out
    assert cli("catalogue", "show", "nothing").code == 1
    assert len(json.loads(cli("catalogue", "categories", "--json").out)) == 23
    refused = cli("catalogue", "list", "--category", "x")
    assert refused.code == 1
    assert "known: packaging" in refused.err
    assert cli("catalogue", "import").code == 2
    write(project, YAML.replace("cleaning", "poets"))
    assert "catalogue.yaml:17" in cli("catalogue", "import", "catalogue.yaml").err


def test_html_in_a_name_is_kept_as_text(app: App) -> None:
    imported(app, write(app.project, YAML.replace("Café-onderhoud", "<b>Café</b>")))
    with app.database.reading() as session:
        assert session.scalar(select(Service.name).where(Service.slug == "b-cafe-b")) == "<b>Café</b>"
