"""Settings of one installation, read once from the environment."""

import os
import secrets
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkstemp
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

LANGUAGES = {"en": "English", "fi": "Suomi", "ja": "日本語", "ko": "한국어", "sv": "Svenska"}
"""What the site speaks, each by its own name. Another one needs no more code than its line here and in `LOCALES`."""
LOCALES = {"en": "en_GB", "sv": "sv_FI"}
"""Whose way of writing dates, times and amounts is meant, where the bare language does not say it."""
PUSH_SERVICES = ("fcm.googleapis.com", "push.services.mozilla.com", "notify.windows.com", "push.apple.com")
"""Hosts, and those below them, that the browsers of today name for their messages."""
SECOND_FACTORS = ("off", "offered", "required")
MOST_DAYS = 120
MOST_PROXIES = 9
LEAST_CONNECTIONS, MOST_CONNECTIONS = 4, 1000


@dataclass(frozen=True, slots=True)
class Settings:
    """What a town sets for itself; each field is read from `NORIAI_` and its name in capitals.

    home: folder of the database, the prepared areas and the secret key. database_url: SQLAlchemy address.
    area: names of the prepared areas that this service drives in, read from `NORIAI_AREA`.
    timezone: IANA name of the town's clock.
    horizon_days: for how many days ahead an uploaded schedule is expanded to runs.
    desk_phone: number that residents can call, shown on every page. policy: TOML file with the town's rules.
    address: https address under which people reach the site, for links in messages; empty: messages have none.
    smtp: host:port of the mail server, empty where mail is not sent. mail_from: sender of that mail. smtp_tls: how the
    way to it is closed, "starttls" or "tls", empty for not at all. smtp_user, smtp_password: who signs in to it.
    sms: https address of a gateway for text messages, empty where none are sent; sms_body: what is sent to it,
    JSON or a form, with {to} and {text}; sms_authorization: header that it wants.
    line_token, line_secret: of the town's LINE channel; empty where nobody is told by LINE. line_address: where LINE
    takes messages. push_services: hosts to which messages for browsers may go.
    connections: most that one process keeps open to the database.
    proxies: how many reverse proxies stand in front and tell by whom a page is asked for.
    https: whether the site is reached by https (cookies are then sent over https only).
    second_factor: whether staff sign in by more than a password: "off", "offered" or "required", which is the default
    where the site is reached by https.
    geocoder: kind:address of an online geocoder, empty where what people type must not leave the house.
    """

    home: Path
    database_url: str
    secret_key: str
    area: tuple[str, ...] = ("helsinki",)
    timezone: ZoneInfo = ZoneInfo("Europe/Helsinki")
    language: str = "en"
    horizon_days: int = 14
    desk_phone: str = "+358 00 000 00 00"
    policy: str = "demo-town.toml"
    smtp: str = ""
    mail_from: str = "noriai@example.org"
    https: bool = False
    geocoder: str = ""
    address: str = ""
    sms: str = ""
    sms_authorization: str = field(default="", repr=False)
    sms_body: str = '{"to": "{to}", "text": "{text}"}'
    proxies: int = 0
    smtp_tls: str = ""
    smtp_user: str = ""
    smtp_password: str = field(default="", repr=False)
    line_token: str = field(default="", repr=False)
    line_secret: str = field(default="", repr=False)
    line_address: str = "https://api.line.me/v2/bot/message/push"
    push_services: tuple[str, ...] = PUSH_SERVICES
    connections: int = 66
    second_factor: str = "offered"

    @property
    def area_folders(self) -> tuple[Path, ...]:
        return tuple(self.areas / name for name in self.area)

    @property
    def areas(self) -> Path:
        return self.home / "areas"


def read_settings(env: Mapping[str, str] = os.environ, *, home: Path | None = None) -> Settings:
    """Read settings from `NORIAI_*`; a home without a secret key is given one in a file that only its owner reads.

    What is set to nothing counts as not set. Raises ValueError when a number, a language or a time zone cannot be read,
    and when an area is named twice.
    """
    env = {name: value for name, value in env.items() if value}
    folder = home or _home(env)
    folder.mkdir(parents=True, exist_ok=True)
    default = Settings(folder, f"sqlite:///{folder / 'noriai.db'}", "")
    https = env.get("NORIAI_HTTPS", "").lower() in {"1", "true", "yes"}
    return Settings(
        home=folder,
        database_url=env.get("NORIAI_DATABASE_URL", default.database_url),
        secret_key=env.get("NORIAI_SECRET_KEY") or _own_secret(folder / "secret-key"),
        area=_area_names(env.get("NORIAI_AREA", "")) or default.area,
        timezone=_timezone(env.get("NORIAI_TIMEZONE", default.timezone.key)),
        language=_language(env.get("NORIAI_LANGUAGE", default.language)),
        horizon_days=_days(env.get("NORIAI_HORIZON_DAYS", str(default.horizon_days))),
        desk_phone=env.get("NORIAI_DESK_PHONE", default.desk_phone),
        policy=env.get("NORIAI_POLICY", default.policy),
        smtp=env.get("NORIAI_SMTP", default.smtp),
        mail_from=env.get("NORIAI_MAIL_FROM", default.mail_from),
        https=https,
        geocoder=env.get("NORIAI_GEOCODER", default.geocoder),
        address=_site_address(env.get("NORIAI_ADDRESS", default.address)),
        sms=env.get("NORIAI_SMS", default.sms),
        sms_authorization=env.get("NORIAI_SMS_AUTHORIZATION", default.sms_authorization),
        sms_body=env.get("NORIAI_SMS_BODY", default.sms_body),
        proxies=_proxies(env.get("NORIAI_PROXIES", str(default.proxies))),
        smtp_tls=_smtp_tls(env.get("NORIAI_SMTP_TLS", default.smtp_tls)),
        smtp_user=env.get("NORIAI_SMTP_USER", default.smtp_user),
        smtp_password=env.get("NORIAI_SMTP_PASSWORD", default.smtp_password),
        line_token=env.get("NORIAI_LINE_TOKEN", default.line_token),
        line_secret=env.get("NORIAI_LINE_SECRET", default.line_secret),
        line_address=_line_address(env.get("NORIAI_LINE_ADDRESS", default.line_address)),
        push_services=_hosts(env.get("NORIAI_PUSH_SERVICES", "")) or default.push_services,
        connections=_connections(env.get("NORIAI_CONNECTIONS", str(default.connections))),
        second_factor=_second_factor(env.get("NORIAI_SECOND_FACTOR") or ("required" if https else "offered")),
    )


def place_kernel_cache(package: Path, env: MutableMapping[str, str] = os.environ) -> None:
    """Let Numba keep what it compiles in the home folder where it may not write beside the sources of `package`.

    Numba reads the variable when it is imported. What somebody has set stays.
    """
    beside = package / "__pycache__"
    if not env.get("NUMBA_CACHE_DIR") and not os.access(beside if beside.exists() else package, os.W_OK):
        env["NUMBA_CACHE_DIR"] = str(_home(env) / "kernel-cache")


def _home(env: Mapping[str, str]) -> Path:
    return Path(env.get("NORIAI_HOME") or ".noriai").absolute()


def _area_names(text: str) -> tuple[str, ...]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ValueError(f"NORIAI_AREA is {text!r}: it names {twice} twice, write each area once")
    return tuple(names)


def _timezone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        message = f"NORIAI_TIMEZONE is {name!r}, which is no time zone: write a name such as Europe/Helsinki"
        raise ValueError(message) from error


def _language(code: str) -> str:
    if code not in LANGUAGES:
        raise ValueError(f"NORIAI_LANGUAGE is {code!r}: write one of {', '.join(LANGUAGES)}")
    return code


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_DAYS:
        raise ValueError(f"NORIAI_HORIZON_DAYS is {text!r}: write a number of days from 1 to {MOST_DAYS}")
    return int(text)


def _site_address(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment):
        raise ValueError(
            f"NORIAI_ADDRESS is {text!r}: write the address of the site, such as https://rides.example.org"
        )
    return text.rstrip("/")


def _smtp_tls(text: str) -> str:
    if text not in {"", "starttls", "tls"}:
        raise ValueError(f"NORIAI_SMTP_TLS is {text!r}: write starttls or tls, or leave it empty")
    return text


def _second_factor(text: str) -> str:
    if text not in SECOND_FACTORS:
        raise ValueError(f"NORIAI_SECOND_FACTOR is {text!r}: write {', '.join(SECOND_FACTORS)}")
    return text


def _line_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.netloc:
        raise ValueError(f"NORIAI_LINE_ADDRESS is {text!r}: write an https address")
    return text


def _hosts(text: str) -> tuple[str, ...]:
    return tuple(name.strip().lower() for name in text.split(",") if name.strip())


def _proxies(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST_PROXIES:
        raise ValueError(
            f"NORIAI_PROXIES is {text!r}: write how many reverse proxies stand in front, from 0 to {MOST_PROXIES}"
        )
    return int(text)


def _connections(text: str) -> int:
    if not text.isdecimal() or not LEAST_CONNECTIONS <= int(text) <= MOST_CONNECTIONS:
        raise ValueError(
            f"NORIAI_CONNECTIONS is {text!r}: write how many connections to the database a process may keep, "
            f"from {LEAST_CONNECTIONS} to {MOST_CONNECTIONS}"
        )
    return int(text)


def _own_secret(path: Path) -> str:
    """Read the secret of this home; the first process to come makes it, whole before anybody can read it."""
    if not path.exists():
        number, fresh = mkstemp(dir=path.parent)  # only its owner may read such a file
        with os.fdopen(number, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            path.hardlink_to(fresh)
        Path(fresh).unlink()
    return path.read_text(encoding="ascii").strip()
