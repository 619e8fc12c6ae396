"""A town's own gateway gets each text message as it wants it, and can neither be led astray nor lead astray."""

import json
from urllib.parse import parse_qs

import pytest

from tests.webapp.postboxes import open_gateway
from webapp.texting import TextGateway, international

NASTY = 'a "quoted" & {to} \n line'


def test_a_message_fills_the_gaps_of_a_json_body_or_of_a_form_and_nothing_else() -> None:
    with open_gateway() as (gateway, url):
        TextGateway(url, body='{"m": [{"to": "{to}"}], "t": "{text}", "n": 1}', authorization="Bearer x").send(
            "+1", NASTY
        )
        TextGateway(url, body="To={to}&From=Noriai&Body={text}").send("+1", NASTY)
        (first, as_json), (second, as_form) = gateway.sent
        assert json.loads(as_json) == {"m": [{"to": "+1"}], "t": NASTY, "n": 1}
        assert parse_qs(as_form) == {"To": ["+1"], "From": ["Noriai"], "Body": [NASTY]}
        assert (first["Authorization"], second.get("Authorization")) == ("Bearer x", None)


def test_a_gateway_that_refuses_or_is_silent_is_an_error_without_the_message() -> None:
    with open_gateway() as (gateway, url):
        for status in (302, 400, 500):
            gateway.status = status
            with pytest.raises(OSError, match=str(status)):
                TextGateway(url, body="To={to}&Body={text}").send("+1", "secret")
    with pytest.raises(OSError) as silent:  # noqa: PT011 - every kind of it is kept for the next try
        TextGateway(url, body="To={to}&Body={text}").send("+1", "secret")
    assert "secret" not in str(silent.value)


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("http://sms.example.org/send", "To={to}&Body={text}"),
        ("https://", "To={to}&Body={text}"),
        ("ftp://localhost", "To={to}&Body={text}"),
        ("https://sms.example.org/send", "To={to}"),
        ("https://sms.example.org/send", '{"to": "{to}", "text": {text}}'),
    ],
)
def test_a_gateway_that_could_not_work_is_said_at_the_start(address: str, body: str) -> None:
    with pytest.raises(ValueError, match="NORIAI_SMS"):
        TextGateway(address, body=body)


def test_numbers_are_compared_in_their_international_form() -> None:
    written = {
        ("050 000 0001", "FI"): "+358500000001",
        ("+358 (0)50-000 0001", ""): "+358500000001",
        ("090-0000-0001", "JP"): "+819000000001",
        ("050 000 0001", ""): "",
        ("call me", "FI"): "",
        ("", "FI"): "",
    }
    assert {said: international(*said) for said in written} == written
