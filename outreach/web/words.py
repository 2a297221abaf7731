"""The words of states, reasons and evidence as the pages show them, in Dutch and English."""

from __future__ import annotations

# The word in the database → (Dutch, English). Campaigns, deliveries and leads share the words that mean the same.
WORDS: dict[str, tuple[str, str]] = {
    # campaigns
    "draft": ("ontwerp", "draft"),
    "in_review": ("ter goedkeuring", "in review"),
    "approved": ("goedgekeurd", "approved"),
    "scheduled": ("ingepland", "scheduled"),
    "sending": ("wordt verzonden", "sending"),
    "paused": ("gepauzeerd", "paused"),
    "sent": ("verzonden", "sent"),
    "cancelled": ("geannuleerd", "cancelled"),
    # deliveries
    "pending": ("wacht", "pending"),
    "held_out": ("controlegroep", "held out"),
    "skipped": ("overgeslagen", "skipped"),
    "deferred": ("uitgesteld door de ontvanger", "deferred by the receiver"),
    "rejected": ("geweigerd door de ontvanger", "rejected by the receiver"),
    "failed": ("mislukt", "failed"),
    "uncertain": ("onzeker of het aankwam", "uncertain"),
    # why a contact is skipped, or a mail failed
    "invalid_address": ("ongeldig adres", "invalid address"),
    "suppressed": ("uitgesloten", "suppressed"),
    "company_closed": ("bedrijf gestopt", "company closed"),
    "not_regular": ("geen regulier bedrijf", "not a regular company"),
    "no_legal_basis": ("geen rechtsgrond", "no legal basis"),
    "topic_left": ("volgt het thema niet meer", "left the topic"),
    "frequency_cap": ("kreeg al genoeg mails", "frequency cap"),
    "chosen_frequency": ("wil minder vaak mail", "wants mail less often"),
    "duplicate_address": ("dubbel adres", "duplicate address"),
    "expired": ("te lang geprobeerd", "expired"),
    "render_error": ("kon niet worden opgemaakt", "could not be rendered"),
    "given_up": ("opgegeven", "given up"),
    # what was done to a campaign
    "created": ("gemaakt", "created"),
    "copied": ("gekopieerd", "copied"),
    "edited": ("bewerkt", "edited"),
    "submitted": ("ter goedkeuring voorgelegd", "submitted"),
    "resumed": ("hervat", "resumed"),
    "canary_passed": ("eerste mails beoordeeld: de andere volgen", "first mails judged: the others follow"),
    "started": ("verzending gestart", "sending started"),
    "finished": ("verzending klaar", "finished"),
    "settled": ("onzekere mails beslist", "uncertain mails settled"),
    "retried": ("opnieuw geprobeerd", "retried"),
    # leads
    "new": ("nieuw", "new"),
    "confirmed": ("bevestigd", "confirmed"),
    "refused": ("geweigerd", "refused"),
    "merged": ("samengevoegd", "merged"),
    "form": ("formulier", "form"),
    "reply": ("antwoord op een mail", "reply"),
    "call": ("telefoon", "call"),
    "fair": ("beurs of bezoek", "fair"),
    "import": ("lijst", "import"),
    "code": ("kwam via de nieuwsbrief", "came through the newsletter"),
    "answer": ("antwoordde op de nieuwsbrief", "answered the newsletter"),
    "declared": ("zegt het zelf", "declared"),
    "shown": ("kreeg deze dienst te zien", "was shown this service"),
    "none": ("geen spoor naar een campagne", "no trace of a campaign"),
    # hits
    "human": ("mens", "human"),
    "scanner": ("scanner", "scanner"),
    "raw": ("alles", "raw"),
}


def word(value: str, language: str) -> str:
    """Return the label of a word, or the word itself without underscores if it has none."""
    labels = WORDS.get(value)
    return labels[language == "en"] if labels else value.replace("_", " ")
