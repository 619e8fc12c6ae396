"""Settings of one installation, read once from the environment."""

import os
import secrets
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp
from zoneinfo import ZoneInfo

LANGUAGES = {"en": "English", "fi": "Suomi", "ja": "日本語", "ko": "한국어"}
MOST_DAYS = 120


@dataclass(frozen=True, slots=True)
class Settings:
    """What a town sets for itself; each field is read from `NORIAI_` and its name in capitals.

    home: folder of the database, the prepared areas and the secret key. database_url: SQLAlchemy address.
    area: name of the prepared area that this service drives in. timezone: IANA name of the town's clock.
    horizon_days: for how many days ahead an uploaded schedule is expanded to runs.
    desk_phone: number that residents can call, shown on every page. policy: TOML file with the town's rules.
    smtp: host:port of the mail server, empty where mail is not sent. mail_from: sender of that mail.
    https: whether the site is reached by https (cookies are then sent over https only).
    """

    home: Path
    database_url: str
    secret_key: str
    area: str = "helsinki"
    timezone: ZoneInfo = ZoneInfo("Europe/Helsinki")
    language: str = "en"
    horizon_days: int = 14
    desk_phone: str = "+358 00 000 00 00"
    policy: str = "demo-town.toml"
    smtp: str = ""
    mail_from: str = "noriai@example.org"
    https: bool = False

    @property
    def area_folder(self) -> Path:
        return self.areas / self.area

    @property
    def areas(self) -> Path:
        return self.home / "areas"


def read_settings(env: Mapping[str, str] = os.environ, *, home: Path | None = None) -> Settings:
    """Read settings from `NORIAI_*`; a home without a secret key is given one in a file that only its owner reads.

    What is set to nothing counts as not set. Raises ValueError when a number, a language or a time zone cannot be read.
    """
    env = {name: value for name, value in env.items() if value}
    folder = home or _home(env)
    folder.mkdir(parents=True, exist_ok=True)
    default = Settings(folder, f"sqlite:///{folder / 'noriai.db'}", "")
    return Settings(
        home=folder,
        database_url=env.get("NORIAI_DATABASE_URL", default.database_url),
        secret_key=env.get("NORIAI_SECRET_KEY") or _own_secret(folder / "secret-key"),
        area=env.get("NORIAI_AREA", default.area),
        timezone=_timezone(env.get("NORIAI_TIMEZONE", default.timezone.key)),
        language=_language(env.get("NORIAI_LANGUAGE", default.language)),
        horizon_days=_days(env.get("NORIAI_HORIZON_DAYS", str(default.horizon_days))),
        desk_phone=env.get("NORIAI_DESK_PHONE", default.desk_phone),
        policy=env.get("NORIAI_POLICY", default.policy),
        smtp=env.get("NORIAI_SMTP", default.smtp),
        mail_from=env.get("NORIAI_MAIL_FROM", default.mail_from),
        https=env.get("NORIAI_HTTPS", "").lower() in {"1", "true", "yes"},
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
