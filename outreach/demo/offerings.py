"""What the invented maatwerkbedrijven sell: texts in Dutch by category, with the sectors each suits."""

from __future__ import annotations

from dataclasses import dataclass

INDUSTRY = ("C",)
TRADE = ("G", "H")
OFFICES = ("J", "K", "L", "M", "N", "O")


@dataclass(frozen=True)
class Offering:
    """A service as several enterprises could sell it; without `sectors` it suits everybody."""

    category: str
    name: str
    summary: str
    text: str
    forms: tuple[str, ...]
    sectors: tuple[str, ...] = ()


OFFERINGS = (
    Offering(
        "packaging",
        "Co-packing en promoverpakkingen",
        "Van losse stuks naar winkelklare verpakking, ook voor kleine reeksen en seizoensdrukte.",
        "Wij bundelen, sealen, etiketteren en vullen displays. U levert de goederen aan, wij leveren winkelklaar terug, "
        "met telling en foto van elke pallet.\n\n- Krimp-, flow- en blisterverpakking\n- Ompakken en herlabelen\n"
        "- Reeksen vanaf 200 stuks",
        ("workshop", "subcontracting"),
        ("C", "G"),
    ),
    Offering(
        "packaging",
        "Geschenkverpakking op maat",
        "Geschenkdozen samengesteld, ingepakt en verstuurd, met uw kaartje erbij.",
        "Kerstpakketten, jubileumdozen of een welkomstpakket voor nieuwe collega's: wij stellen samen, pakken in en bezorgen "
        "op één of op vierhonderd adressen.",
        ("workshop", "product"),
    ),
    Offering(
        "assembly",
        "Assemblage van kleine onderdelen",
        "Voormontage en assemblage met vaste kwaliteitscontrole per lot.",
        "Schroeven, klikken, lijmen, nieten en testen: onze ploegen monteren naar uw werkinstructie. We meten mee, melden "
        "afwijkingen dezelfde dag en houden de eerste stukken van elk lot bij.",
        ("workshop", "subcontracting"),
        INDUSTRY,
    ),
    Offering(
        "assembly",
        "Montage van meubels en inrichting",
        "Meubels voorgemonteerd in ons atelier of bij u ter plaatse opgezet.",
        "Wij monteren bureaus, rekken en keukenelementen, en nemen de verpakking weer mee.",
        ("workshop", "on_site"),
        ("C", "F", "G"),
    ),
    Offering(
        "electro_assembly",
        "Kabelbomen en bedrading",
        "Kabels knippen, strippen, krimpen en testen, met een meetrapport per reeks.",
        "Voor machinebouwers en installateurs maken wij kabelbomen volgens uw schema. Elke kabel wordt elektrisch getest.",
        ("workshop", "subcontracting"),
        ("C", "F"),
    ),
    Offering(
        "electro_assembly",
        "Bouw van schakelkasten",
        "Kasten opgebouwd en bekabeld volgens schema, klaar voor keuring.",
        "Wij boren, monteren en bekabelen kasten in kleine en middelgrote reeksen, van domotica tot pompsturing.",
        ("workshop",),
        ("C", "D", "F"),
    ),
    Offering(
        "metal",
        "Plooien, lassen en afwerken van plaatwerk",
        "Klein plaatwerk van tekening tot gepoederlakt stuk.",
        "Met afkantpers, puntlas en eigen lakstraat maken wij beugels, kasten en frames. Ook enkel ontbramen of verpakken "
        "is mogelijk.",
        ("workshop", "subcontracting"),
        ("C", "F"),
    ),
    Offering(
        "wood",
        "Paletten en kisten op maat",
        "Nieuwe en herstelde paletten, exportkisten en opzetranden.",
        "Wij maken paletten in elke maat, behandelen volgens ISPM 15 en herstellen uw gebruikte paletten.",
        ("workshop", "product"),
        ("C", "G", "H"),
    ),
    Offering(
        "wood",
        "Buitenmeubilair in hout",
        "Picknicktafels, banken en plantenbakken uit gecertificeerd hout.",
        "Onze schrijnwerkerij maakt stevig buitenmeubilair, met uw logo gefreesd als u dat wenst, en plaatst het ook.",
        ("product",),
    ),
    Offering(
        "plastics",
        "Nabewerking van kunststof",
        "Ontbramen, boren, lijmen en controleren van spuitgietstukken.",
        "Na het spuitgieten begint ons werk: nabewerken, sorteren, controleren onder de loep en verpakken per klantorder.",
        ("workshop", "subcontracting"),
        INDUSTRY,
    ),
    Offering(
        "printing",
        "Drukwerk en afwerking",
        "Digitaal drukken, vouwen, nieten en bundelen in één huis.",
        "Van handleiding tot jaarverslag: wij drukken, rillen, vouwen en binden, en versturen als u wilt meteen mee.",
        ("workshop", "product"),
    ),
    Offering(
        "fulfilment",
        "Mailing en verzending",
        "Brieven, stalen en pakjes gevuld, geadresseerd en gepost.",
        "Wij personaliseren, vullen omslagen en dozen, en leveren aan bij de post. Adresbestanden worden na afloop gewist.",
        ("workshop", "subcontracting"),
        ("G", *OFFICES),
    ),
    Offering(
        "fulfilment",
        "Webwinkel: opslag en orders",
        "Stockage, orderpicking en retours voor kleine webwinkels.",
        "Wij bergen uw goederen, pakken bestellingen dezelfde dag in en verwerken de retours, met een wekelijkse telling.",
        ("workshop",),
        ("C", "G"),
    ),
    Offering(
        "cleanroom",
        "Assemblage in cleanroom",
        "Medische hulpmiddelen gemonteerd en verpakt in een cleanroom ISO 7.",
        "Opgeleide medewerkers monteren, sealen en labelen in gecontroleerde omgeving, met lotregistratie.",
        ("workshop", "subcontracting"),
        ("C", "R"),
    ),
    Offering(
        "food",
        "Portioneren en verpakken van voeding",
        "Droge voeding afgewogen, verpakt en geëtiketteerd, met autocontrole.",
        "Thee, kruiden, noten en koekjes: wij wegen af, vullen zakjes en potten, en bewaren de stalen volgens de regels.",
        ("workshop", "subcontracting"),
        ("C", "G", "I"),
    ),
    Offering(
        "green",
        "Onderhoud van bedrijfsgroen",
        "Een vaste ploeg die uw terrein het hele jaar verzorgt, zonder chemische middelen.",
        "Maaien, snoeien, borders en verharding: u krijgt een vaste ploegbaas, een jaarplan en een vaste prijs per maand.",
        ("on_site",),
    ),
    Offering(
        "green",
        "Aanleg van bloemenweides en hagen",
        "Meer leven op uw terrein, met streekeigen planten.",
        "Wij maken van een gazon een bloemenweide, planten hagen en onderhouden ze de eerste drie jaar.",
        ("on_site",),
        ("C", "F", "H", "Q", "R"),
    ),
    Offering(
        "enclave",
        "Een ploeg op uw werkvloer",
        "Een begeleide ploeg van vier tot twaalf medewerkers die bij u mee produceert.",
        "Wij brengen medewerkers én een begeleider. U stuurt het werk, wij zorgen voor opleiding, planning en vervanging.",
        ("on_site",),
        ("C", "G", "H"),
    ),
    Offering(
        "enclave",
        "Versterking bij piekdrukte",
        "Extra handen voor zes weken of zes maanden, met eigen begeleiding.",
        "Bij seizoensdrukte of een grote bestelling springt onze ploeg in. Eén aanspreekpunt, één factuur.",
        ("on_site",),
        ("C", "G", "H"),
    ),
    Offering(
        "cleaning",
        "Schoonmaak van kantoren",
        "Vaste poetsploegen met ecologische producten, vroeg of laat op de dag.",
        "Wij maken een werkplan per ruimte, werken met vaste gezichten en controleren samen met u elk kwartaal.",
        ("on_site",),
        OFFICES,
    ),
    Offering(
        "cleaning",
        "Reiniging van bedrijfswagens",
        "Wagens van binnen en van buiten gereinigd, met weinig water, bij u of bij ons.",
        "Wij reinigen personen- en bestelwagens met een methode die per wagen nog geen drie liter water vraagt.",
        ("on_site", "workshop"),
    ),
    Offering(
        "renovation",
        "Schilderwerken binnen en buiten",
        "Kantoren, gangen en gevels geschilderd door een begeleide ploeg.",
        "Wij schilderen buiten de kantooruren als dat beter uitkomt, en laten de werf proper achter.",
        ("on_site",),
        ("F", "L", "M", "O", "P", "Q", "R"),
    ),
    Offering(
        "laundry",
        "Was en strijk van werkkledij",
        "Werkkledij, handdoeken en linnen opgehaald, gewassen en hersteld.",
        "Elke week opgehaald en teruggebracht, per medewerker gesorteerd. Kleine herstellingen inbegrepen.",
        ("workshop",),
        ("C", "F", "I", "R"),
    ),
    Offering(
        "catering",
        "Broodjes en recepties",
        "Lunch en recepties met streekproducten, bezorgd of bediend.",
        "Van tien broodjes tot een receptie voor tweehonderd gasten, met zoveel mogelijk uit de streek.",
        ("product", "on_site"),
    ),
    Offering(
        "logistics",
        "Opslag en ordervoorbereiding",
        "Palletplaatsen, picking en lichte bewerking onder één dak.",
        "Ons magazijn neemt uw stock over: ontvangen, tellen, picken, herpakken en klaarzetten voor uw vervoerder.",
        ("workshop", "subcontracting"),
        TRADE,
    ),
    Offering(
        "recycling",
        "Demontage van elektronica",
        "Oude toestellen gedemonteerd, gegevensdragers vernietigd met attest.",
        "Wij halen uw afgeschreven toestellen op, redden wat bruikbaar is en scheiden de rest tot zuivere stromen.",
        ("workshop",),
        ("C", "G", *OFFICES),
    ),
    Offering(
        "recycling",
        "Kantoormeubilair een tweede leven",
        "Overbodig meubilair opgehaald, hersteld en opnieuw ingezet.",
        "Bij een verhuis of herinrichting halen wij alles op. U krijgt een overzicht van wat hergebruikt werd.",
        ("workshop", "product"),
    ),
    Offering(
        "bicycles",
        "Onderhoud van bedrijfsfietsen",
        "Onze fietshersteller komt op vaste dagen langs bij uw bedrijf.",
        "Leasefietsen, poolfietsen en fietsen van medewerkers: nagekeken en hersteld terwijl u werkt.",
        ("on_site",),
    ),
    Offering(
        "textile",
        "Naaiwerk en confectie",
        "Kleine reeksen tassen, schorten, hoezen en vlaggen.",
        "Ons naaiatelier maakt prototypes en reeksen tot 2.000 stuks, ook uit uw eigen reststoffen.",
        ("workshop", "product"),
        ("C", "G", "I"),
    ),
    Offering(
        "digitising",
        "Archieven scannen en indexeren",
        "Papieren dossiers gescand, benoemd en doorzoekbaar gemaakt.",
        "Wij halen dozen op, scannen tot A0, benoemen volgens uw schema en bewaren of vernietigen het papier met attest.",
        ("workshop", "on_site"),
        OFFICES,
    ),
    Offering(
        "energy",
        "Energiescan en kleine ingrepen",
        "Een doorlichting van uw gebouw, met tochtstrips en ledlampen meteen geplaatst.",
        "Onze energiesnoeiers meten, rekenen voor wat het oplevert en voeren kleine ingrepen dezelfde dag uit.",
        ("on_site",),
    ),
    Offering(
        "gifts",
        "Relatiegeschenken met een verhaal",
        "Duurzame geschenken uit eigen atelier, vanaf dertig stuks, met uw naam erop.",
        "Notitieboeken van restpapier, houten onderzetters, kaarsen en zeep: gemaakt en verpakt door onze medewerkers.",
        ("product",),
    ),
)
