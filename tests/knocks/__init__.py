"""A labelled simulator of who follows the links of a mail: families of scanners, and kinds of people.

Built from what senders report of them, and apart from the rules that judge them: nothing here knows a threshold of
`outreach.campaigns`. Some families and kinds are held back: the rules were never tuned on them.

Sources. Bursts of all links: putyourlightson/craft-campaign issue 546 (836 measured clusters: 0.5 % begin within 10 s
of sending, 2 % in 10–20 s, 66 % in 20–60 s, 28 % in 1–5 min, 3 % later; median 43 s; a sweep lasts under a second). One
link a second, and clusters around an invisible link: mautic issue 9798. Clusters up to 5 minutes after sending:
django-anymail issue 200. Another network and system 12 s beside the person's own click: resend-node issue 901.
Checks minutes or hours late to escape detection, sampling of links: suped.com, "how long does it take for anti-spam
bots to click". Headers: Fetch Metadata (W3C), the products' own names as listed by crawler-user-agents and by senders.
"""

from .mails import Knock, Mail, MailedLink, World, make_world
from .people import PEOPLE
from .playing import Family, play
from .scanners import SCANNERS

__all__ = ["PEOPLE", "SCANNERS", "Family", "Knock", "Mail", "MailedLink", "World", "make_world", "play"]
