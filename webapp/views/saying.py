"""A ride as people would say it: the same sentences in an offer, on the phone, in a booking and in a calendar."""

from datetime import date
from typing import NamedTuple

from flask import g
from flask_babel import gettext as _

from routing.times import Place
from webapp.db import tables
from webapp.services import places, trips, wishes
from webapp.views.shared import language, town, write_clock, write_money, write_spot, write_walk

_THE_DOOR = 60
"""Metres within which a place is told by what its owner calls it."""


class Ride(NamedTuple):
    """What is to be said of a ride; `begin`, `end`: second of the day, name and place of the stop, metres to walk."""

    begin: tuple[int, str, Place | None, int]
    end: tuple[int, str, Place | None, int]
    fare: tuple[int, str]
    vehicle: str
    operator: str


def say_offer(row: tables.Request, choice: trips.Choice) -> str:
    """Say an offer in a few plain sentences."""
    offer = choice.offer
    begin = (offer.pickup_time, choice.pickup_label, offer.pickup.place, offer.pickup.walk)
    end = (offer.ride.alight.latest, choice.dropoff_label, offer.dropoff.place, offer.dropoff.walk)
    fare = (offer.fare, offer.fare_currency)
    return _say(row, wishes.service_date(row), Ride(begin, end, fare, choice.vehicle, choice.operator))


def say_trip(trip: trips.Trip) -> str:
    """Say a booked trip in a few plain sentences."""
    made = trip.booking
    begin = (made.pickup, made.pickup_label, trip.pickup_place, made.walk)
    end = (trip.there_by, made.dropoff_label, trip.dropoff_place, made.walk_after)
    ride = Ride(begin, end, (made.fare, made.fare_currency), trip.vehicle, trip.operator)
    return _say(trip.request, made.service_date, ride)


def _say(row: tables.Request, day: date, ride: Ride) -> str:
    words = _own_words(row.rider_id)
    begins, spot, stops, walk = ride.begin
    spot = _spot(words, row, "origin", (spot, stops, walk))
    ends, goal, stops, walk_after = ride.end
    goal = _spot(words, row, "destination", (goal, stops, walk_after))
    board = {"time": write_clock(begins, day), "spot": spot, "walk": write_walk(walk, row)}
    there = {"place": goal, "time": write_clock(ends, day), "walk": write_walk(walk_after, row)}
    arrives = (
        _("%(place)s by %(time)s.") if walk_after < wishes.AT_THE_DOOR else _("%(place)s by %(time)s, then %(walk)s.")
    )
    amount, currency = ride.fare
    return ("" if language() == "ja" else " ").join([  # Japanese writes its sentences without a space between
        _("At about %(time)s: %(spot)s (%(walk)s).", **board),
        arrives % there,
        _("It costs %(fare)s.", fare=write_money(amount, currency)) if amount else _("It is free of charge."),
        _("%(vehicle)s, %(operator)s.", vehicle=ride.vehicle, operator=ride.operator),
    ])  # fmt: skip


def _own_words(rider_id: str) -> dict[Place, str]:
    """Read once for a page what a rider calls the places that they saved."""
    kept: dict[str, dict[Place, str]] = g.setdefault("own_words", {})
    if rider_id not in kept:
        kept[rider_id] = places.own_words(town(), rider_id)
    return kept[rider_id]


def _spot(words: dict[Place, str], row: tables.Request, end: str, stop: tuple[str, Place | None, int]) -> str:
    """Call a stop at the door by the rider's own word for it, any other as the street does."""
    label, place, walk = stop
    door = places.place_of(row, end)
    own = words.get(door, "") if door and walk <= _THE_DOOR else ""
    return own or write_spot(label, place)
