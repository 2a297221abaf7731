"""`python -m outreach` is the same door as `outreach`."""

from outreach.commands import main

main()
