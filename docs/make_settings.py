"""Print docs/settings.md from the settings themselves."""

from __future__ import annotations

from pydantic import SecretStr

from outreach.settings import Settings

HEAD = """\
# Settings

`outreach.toml` in the project folder, by section. Each can be overruled in the environment, where the name is
`OUTREACH_<SECTION>__<NAME>`: `OUTREACH_RELAY__PASSWORD=…`. Lists are separated by commas there. An unknown name or a
bad value is refused with its line and the known names. This page is printed by `python docs/make_settings.py`.

| setting | default | what it is |
| --- | --- | --- |"""


def main() -> None:
    print(HEAD)
    for section, field in Settings.model_fields.items():
        assert field.annotation is not None
        for name, setting in field.annotation.model_fields.items():
            default = setting.default.get_secret_value() if isinstance(setting.default, SecretStr) else setting.default
            shown = f"`{default}`" if str(default) else "(empty)"
            print(f"| `{section}.{name}` | {shown} | {setting.description.replace('|', '/')} |")


if __name__ == "__main__":
    main()
