"""What receivers of mail look for at a domain: SPF, DKIM, DMARC, PTR, TLS, MX and one-click opting out.

Each examination asks the domain name system and says what it found, and what is missing with the record to add. A name
that doesn't exist and a server that doesn't answer are told apart: the second says nothing about the domain.
"""
