"""The invented federation that sends in tests and benchmarks."""

SENDER = """\
[sender]
type = "federation"
name = "Federatie Voorbeeld"
address = "Voorbeeldstraat 1, 9000 Gent"
enterprise_number = "1999.000.150"
email = "nieuws@federatie.example"

"""
