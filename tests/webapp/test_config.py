"""A town's settings come from its environment; what cannot be meant is said at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from webapp.config import place_kernel_cache, read_settings

EVERY = {
    "NORIAI_DATABASE_URL": ("database_url", "postgresql://db/noriai", "postgresql://db/noriai"),
    "NORIAI_SECRET_KEY": ("secret_key", "known to all servers", "known to all servers"),
    "NORIAI_AREA": ("area", " porvoo,, sipoo ,", ("porvoo", "sipoo")),
    "NORIAI_TIMEZONE": ("timezone", "Asia/Tokyo", ZoneInfo("Asia/Tokyo")),
    "NORIAI_LANGUAGE": ("language", "ja", "ja"),
    "NORIAI_HORIZON_DAYS": ("horizon_days", "28", 28),
    "NORIAI_DESK_PHONE": ("desk_phone", "+81 00 000", "+81 00 000"),
    "NORIAI_POLICY": ("policy", "other.toml", "other.toml"),
    "NORIAI_SMTP": ("smtp", "mail:587", "mail:587"),
    "NORIAI_MAIL_FROM": ("mail_from", "bus@example.org", "bus@example.org"),
    "NORIAI_ADDRESS": ("address", "https://rides.example.org/", "https://rides.example.org"),
    "NORIAI_SMS": ("sms", "https://sms.example.org/send", "https://sms.example.org/send"),
    "NORIAI_SMS_BODY": ("sms_body", "To={to}&Body={text}", "To={to}&Body={text}"),
    "NORIAI_SMS_AUTHORIZATION": ("sms_authorization", "Bearer x", "Bearer x"),
    "NORIAI_PROXIES": ("proxies", "1", 1),
    "NORIAI_HTTPS": ("https", "yes", True),
    "NORIAI_SECOND_FACTOR": ("second_factor", "required", "required"),
}


@pytest.mark.parametrize("name", EVERY)
def test_each_setting_is_read_from_the_environment(tmp_path: Path, name: str) -> None:
    field, said, meant = EVERY[name]
    assert getattr(read_settings({name: said}, home=tmp_path), field) == meant


@pytest.mark.parametrize("name", EVERY)
def test_what_is_set_to_nothing_is_not_set(tmp_path: Path, name: str) -> None:
    assert read_settings({name: ""}, home=tmp_path) == read_settings({}, home=tmp_path)


def test_a_second_factor_is_required_where_the_site_is_reached_by_https(tmp_path: Path) -> None:
    said = {"NORIAI_HTTPS": "1"}
    assert read_settings(said, home=tmp_path).second_factor == "required"
    assert read_settings({**said, "NORIAI_SECOND_FACTOR": "off"}, home=tmp_path).second_factor == "off"
    assert read_settings({}, home=tmp_path).second_factor == "offered"
    with pytest.raises(ValueError, match="NORIAI_SECOND_FACTOR"):
        read_settings({"NORIAI_SECOND_FACTOR": "maybe"}, home=tmp_path)


def test_everything_is_kept_in_one_home(tmp_path: Path) -> None:
    settings = read_settings({"NORIAI_HOME": str(tmp_path / "deep" / "home")})
    assert settings.home == tmp_path / "deep" / "home"
    assert settings.database_url == f"sqlite:///{settings.home}/noriai.db"
    assert settings.area_folders == (settings.home / "areas" / "helsinki",)


def test_a_home_of_no_name_is_not_the_folder_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_settings({"NORIAI_HOME": ""}).home == tmp_path / ".noriai"


def test_a_home_has_one_secret_that_only_its_owner_reads(tmp_path: Path) -> None:
    secret = read_settings({}, home=tmp_path).secret_key
    assert len(secret) >= 32
    assert read_settings({}, home=tmp_path).secret_key == secret
    assert [path.name for path in tmp_path.iterdir()] == ["secret-key"]
    assert (tmp_path / "secret-key").stat().st_mode & 0o777 == 0o600


def test_two_homes_have_two_secrets(tmp_path: Path) -> None:
    secrets = {read_settings({}, home=tmp_path / name).secret_key for name in ("a", "b")}
    assert len(secrets) == 2


def test_those_who_start_at_once_agree_on_the_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        secrets = {one.secret_key for one in pool.map(lambda _: read_settings({}, home=tmp_path), range(16))}
    assert len(secrets) == 1
    assert len(secrets.pop()) >= 32


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("NORIAI_HORIZON_DAYS", "two weeks"),
        ("NORIAI_HORIZON_DAYS", "-1"),
        ("NORIAI_HORIZON_DAYS", "0"),
        ("NORIAI_HORIZON_DAYS", "1.5"),
        ("NORIAI_TIMEZONE", "Mars/Olympus"),
        ("NORIAI_TIMEZONE", "Europe"),
        ("NORIAI_TIMEZONE", "../etc/passwd"),
        ("NORIAI_LANGUAGE", "xx"),
        ("NORIAI_ADDRESS", "rides.example.org"),
        ("NORIAI_PROXIES", "one"),
        ("NORIAI_PROXIES", "10"),
    ],
)
def test_what_cannot_be_meant_is_said_with_its_name(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} is '{said}'"):
        read_settings({name: said}, home=tmp_path)


@pytest.mark.parametrize(("said", "meant"), [("1", True), ("TRUE", True), ("0", False), ("no", False)])
def test_https_is_on_where_it_is_said(tmp_path: Path, said: str, meant: Any) -> None:
    assert read_settings({"NORIAI_HTTPS": said}, home=tmp_path).https is meant


def test_what_is_compiled_is_kept_at_home_where_the_package_cannot_be_written(tmp_path: Path) -> None:
    env = {"NORIAI_HOME": str(tmp_path)}
    place_kernel_cache(tmp_path / "nowhere", env)
    assert env["NUMBA_CACHE_DIR"] == str(tmp_path / "kernel-cache")


def test_what_is_compiled_stays_beside_its_source_where_that_can_be_written(tmp_path: Path) -> None:
    env = {"NORIAI_HOME": str(tmp_path)}
    place_kernel_cache(tmp_path, env)
    assert "NUMBA_CACHE_DIR" not in env


def test_a_folder_that_somebody_chose_for_what_is_compiled_is_kept(tmp_path: Path) -> None:
    env = {"NUMBA_CACHE_DIR": "/chosen"}
    place_kernel_cache(tmp_path / "nowhere", env)
    assert env == {"NUMBA_CACHE_DIR": "/chosen"}
