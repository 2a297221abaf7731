"""Print docs/settings.md from the settings themselves."""

from __future__ import annotations

from pydantic import SecretStr

from outreach.relays import known_providers
from outreach.settings import sections

HEAD = """\
# Settings

`outreach.toml` in the project folder, by section. Each can be overruled in the environment, where the name is
`OUTREACH_<SECTION>__<NAME>`: `OUTREACH_RELAY__PASSWORD=…`. Lists are separated by commas there. An unknown name or a
bad value is refused with its line and the known names. This page is printed by `python docs/make_settings.py`.

`NAME` is a name of your own: `[relays.first]` in the file, `OUTREACH_RELAYS__FIRST__PASSWORD` in the environment.

| setting | default | what it is |
| --- | --- | --- |"""
PROVIDERS_HEAD = """
## Providers that are known

What a project sets for one of these is put over it: `[providers.google]` with `per_minute = 100` alone keeps the
domains.

| provider | domains | messages a minute |
| --- | --- | --- |"""


def main() -> None:
    print(HEAD)
    for place, model in sections():
        for name, setting in model.model_fields.items():
            default = setting.default.get_secret_value() if isinstance(setting.default, SecretStr) else setting.default
            shown = f"`{default}`" if str(default) else "(empty)"
            print(f"| `{'.'.join((*place, name))}` | {shown} | {(setting.description or '').replace('|', '/')} |")
    print(PROVIDERS_HEAD)
    for name, provider in known_providers().items():
        rate = f"{provider.per_minute:g}" if provider.per_minute else "no limit"
        print(f"| `{name}` | {', '.join(provider.domains) or 'every other domain'} | {rate} |")


if __name__ == "__main__":
    main()
