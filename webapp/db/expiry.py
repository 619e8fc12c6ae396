"""Let rows leave the records: each class of data when its time is over, and all of one person when they ask.

`_leave` is the only code that deletes rows of append-only tables.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, cast, delete, func, null, or_, update
from sqlmodel import Session, SQLModel, col, select

from webapp.db import tables

CHUNK = 500
"""Rows that one commit lets go at most, where they do not belong together."""


class Expiry:
    """The part of the write door by which rows leave."""

    _session: Session
    now: Callable[[], datetime]
    erasing: Callable[[str], AbstractContextManager[None]]

    def _leave(self, table: type[SQLModel], *wanted: ColumnElement[bool]) -> int:
        """Delete the rows of which all that is wanted holds; count them."""
        kept = table in tables.APPEND_ONLY
        with self.erasing("its time is over, or its person asked") if kept else nullcontext():
            return int(self._session.connection().execute(delete(table).where(*wanted)).rowcount)

    def _blank(self, table: type[SQLModel], *wanted: ColumnElement[bool], **values: Any) -> int:
        changed = self._session.connection().execute(update(table).where(*wanted).values(**values))
        return int(changed.rowcount)

    # By class of data

    def expire(self, name: str, before: datetime) -> int:
        """Let at most `CHUNK` rows of a class of data go whose time was over before then; count them.

        Raises KeyError for a class that is none of `EXPIRED`.
        """
        return EXPIRED[name](self, before)

    def count_expired(self, name: str, before: datetime) -> int:
        """Count what `expire` would let go in all; the caller must not commit."""
        total = 0
        while gone := self.expire(name, before):
            total += gone
        return total

    def _old(self, table: type[SQLModel], *wanted: ColumnElement[bool]) -> int:
        """Delete the first `CHUNK` rows of which all that is wanted holds."""
        keys = _keys(table)
        first = list(self._session.connection().execute(select(*keys).where(*wanted).limit(CHUNK)))
        return sum(self._leave(table, *(key == value for key, value in zip(keys, row, strict=True))) for row in first)

    def _sign_ins(self, before: datetime) -> int:
        counts = self._old(tables.SignInCount, col(tables.SignInCount.starts) < before)
        return counts + self._old(tables.SignIn, col(tables.SignIn.created_at) < before)

    def _drafts(self, before: datetime) -> int:
        row = tables.Request
        named = (select(tables.Booking.request_id), select(tables.Series.request_id))
        unused = (col(row.id).not_in(one) for one in named)
        return self._old(row, col(row.status) == "draft", col(row.created_at) < before, *unused)

    def _unbooked(self, before: datetime) -> int:
        """Take places, needs and purpose from requests that came to nothing; they still count on their day."""
        row = tables.Request
        named = (select(tables.Booking.request_id), select(tables.Series.request_id))
        unused = (col(row.id).not_in(one) for one in named)
        told = (col(row.origin_lat).is_not(None), col(row.service_date) < before.date())
        return self._blank(row, *told, *unused, **NOWHERE)

    def _messages(self, before: datetime) -> int:
        return self._old(tables.Outbox, col(tables.Outbox.created_at) < before)

    def _stale_codes(self, before: datetime) -> int:
        row = tables.LineLink
        return self._blank(row, col(row.code) != "", col(row.code_at) < before, code="")

    def _call_backs(self, before: datetime) -> int:
        row = tables.CallTurn
        both = ((row.taken_at, row.again_at), (row.again_at, row.taken_at))
        turns = self._old(row, *(func.coalesce(*pair) < before for pair in both))
        return turns + self._old(tables.CallBack, col(tables.CallBack.at) < before)

    def _uploads(self, before: datetime) -> int:
        """Empty the files that nobody took in, and what kept ones held that hold no longer."""
        row = tables.Upload
        unread = (col(row.content).is_not(None), col(row.created_at) < before)
        return self._blank(row, *unread, content=None, schedule=null(), answers=null(), status="dropped")

    def _consents(self, before: datetime) -> int:
        end, row = tables.ConsentEnd, tables.Consent
        withdrawn = select(end.consent_id).where(col(end.at) < before)
        over = or_(col(row.ends) < before.date(), col(row.id).in_(withdrawn))
        told = col(row.id).not_in(select(tables.FamilyNews.consent_id))
        ids = list(self._session.connection().execute(select(row.id).where(over, told).limit(CHUNK)).scalars())
        self._leave(end, col(end.consent_id).in_(ids))
        return self._leave(row, col(row.id).in_(ids))

    def _proxies(self, before: datetime) -> int:
        return self._old(tables.Proxy, col(tables.Proxy.ended_at) < before)

    def _cards(self, before: datetime) -> int:
        return self._old(tables.Card, col(tables.Card.withdrawn_at) < before)

    def _series(self, before: datetime) -> int:
        row = tables.Series
        return self._old(row, or_(col(row.ended_at) < before, col(row.until) < before.date()))

    def _browsers(self, before: datetime) -> int:
        known = self._old(tables.KnownDevice, col(tables.KnownDevice.used_at) < before)
        return known + self._old(tables.PushSubscription, col(tables.PushSubscription.created_at) < before)

    def _audit(self, before: datetime) -> int:
        reads = self._old(tables.PlaceRead, col(tables.PlaceRead.starts) < before)
        reads += self._old(tables.IdentityEvent, col(tables.IdentityEvent.at) < before)
        return reads + self._old(tables.RefusedAccess, col(tables.RefusedAccess.starts) < before)

    def forget_schedule(self, upload_id: str) -> None:
        """Empty what a schedule held that holds no longer."""
        self._blank(tables.Upload, col(tables.Upload.id) == upload_id, schedule=null())

    # Days

    def expire_day(self, past: tables.PastDay, runs: Sequence[tables.PastRun]) -> int:
        """Let all trips of a service date go, with the whole history of its runs; keep the figures given.

        A day that has gone already keeps its first figures; what came to it late goes without being counted.
        """
        day = past.service_date
        ids = select(tables.Run.id).where(col(tables.Run.service_date) == day)
        booked = select(tables.Booking.id).where(col(tables.Booking.run_id).in_(ids))
        gone = self._leave(tables.Feedback, col(tables.Feedback.booking_id).in_(booked))
        for table in _OF_RUN:
            gone += self._leave(table, col(table.run_id).in_(ids))
        gone += self._leave(tables.Run, col(tables.Run.service_date) == day)
        row = tables.Request
        held = (select(tables.Series.request_id), select(tables.Booking.request_id))
        gone += self._leave(row, col(row.service_date) == day, *(col(row.id).not_in(one) for one in held))
        for other in (tables.AbsentDay, tables.AlertStep, tables.Steering):
            gone += self._leave(other, col(other.service_date) == day)
        if self._session.get(tables.PastDay, day) is None:
            self._session.add(past)
            self._session.add_all(runs)
            self._session.flush()
        self._session.expunge_all()
        return gone

    def expire_orphans(self, before: datetime) -> int:
        """Let the histories go of runs that were removed before anybody rode on them."""
        row = tables.RunEvent
        return self._old(row, col(row.at) < before, col(row.run_id).not_in(select(tables.Run.id)))

    # One person

    def erase_resident(self, user_id: str, *, by: str) -> dict[str, int]:
        """Erase all that is known of a resident; how many rows of each table went, or were emptied.

        What others count by stays without them: past bookings and requests without place or words, under an id that
        leads to nobody. Trips to come must have been cancelled, weekly trips and helpers ended.
        """
        user = self._session.get(tables.User, user_id)
        if user is None:
            return {}
        words = [word for word in (user.name, user.email, user.phone) if word and len(word) >= SHORTEST_WORD]
        phone, email = user.phone, user.email
        done = self._erase_links(user_id, email or "")
        rides = list(
            self._session.connection().execute(
                select(tables.Booking.id, tables.Booking.run_id, tables.Booking.ride_id).where(
                    col(tables.Booking.rider_id) == user_id
                )
            )
        )
        done["feedback"] = self._leave(
            tables.Feedback,
            or_(
                col(tables.Feedback.booking_id).in_([one[0] for one in rides]),
                col(tables.Feedback.written_by) == user_id,
            ),
        )
        for _booking, run_id, ride_id in rides:
            done["event"] = done.get("event", 0) + self._forget_ride(run_id, ride_id)
        done["booking"] = self._blank(
            tables.Booking,
            col(tables.Booking.rider_id) == user_id,
            key=col(tables.Booking.id),
            request_hash="",
            pickup_label="",
            dropoff_label="",
            answer_by=None,
        )
        done |= self._erase_requests(user_id)
        done |= self._erase_words(words, phone)
        self._blank(tables.User, col(tables.User.id) == user_id, **NO_LONGER, fs_uniquifier=f"erased-{user_id}")
        self._session.add(tables.ErasedPerson(subject=user_id, kind="resident", by=by, at=self.now()))
        self._session.flush()
        self._session.expunge_all()
        return {name: count for name, count in done.items() if count}

    def erase_member(self, operator_id: str, code: str, *, subject: str, key: str, by: str) -> dict[str, int]:
        """Erase all that is known of an operator's member; how many rows of each table went, or were emptied.

            Rides on past runs stay without a code, at a place that no label names. There must be none to come.
        subject: under which it is kept that this was done. key: by which readers of their places were kept.
        """
        member = self._session.get(tables.Member, (operator_id, code))
        name = member.name if member else ""
        done: dict[str, int] = {}
        own = select(tables.Run.id).where(col(tables.Run.operator_id) == operator_id)
        ride = tables.RunRide
        rides = list(
            self._session.connection().execute(
                select(ride.run_id, ride.id, ride.pickup, ride.dropoff).where(
                    col(ride.run_id).in_(own), col(ride.member) == code
                )
            )
        )
        for run_id, ride_id, *stops in rides:
            done["event"] = done.get("event", 0) + self._forget_ride(run_id, ride_id)
            stop = tables.RunStop
            private = (col(stop.run_id) == run_id, col(stop.id).in_(stops), col(stop.private).is_(True))
            done["run_stop"] = done.get("run_stop", 0) + self._blank(stop, *private, label="")
        done["run_ride"] = self._blank(ride, col(ride.run_id).in_(own), col(ride.member) == code, member="")
        consent = tables.Consent
        whose = (col(consent.operator_id) == operator_id, col(consent.member) == code)
        done |= self._erase_consents(*whose)
        for table in (tables.Guardian, tables.AbsentDay):
            of_member = (col(table.operator_id) == operator_id, col(table.member) == code)
            done[str(table.__tablename__)] = self._leave(table, *of_member)
        done |= self._erase_words([name] if len(name) >= SHORTEST_WORD else [], "")
        done["place_read"] = self._leave(
            tables.PlaceRead, col(tables.PlaceRead.kind) == "member", col(tables.PlaceRead.object_id) == key
        )
        file = tables.Upload
        unread = (col(file.operator_id) == operator_id, col(file.content).is_not(None))
        done["upload"] = self._blank(file, *unread, content=None, schedule=null(), answers=null(), status="dropped")
        done["member"] = self._leave(
            tables.Member, col(tables.Member.operator_id) == operator_id, col(tables.Member.code) == code
        )
        if self._session.get(tables.ErasedPerson, subject) is None:
            self._session.add(tables.ErasedPerson(subject=subject, kind="member", by=by, at=self.now()))
        self._session.flush()
        self._session.expunge_all()
        return {name: count for name, count in done.items() if count}

    def _forget_ride(self, run_id: str, ride_id: str) -> int:
        """Let what was written and told of a ride go; that it was driven stays."""
        told = (col(tables.FamilyNews.run_id) == run_id, col(tables.FamilyNews.ride_id) == ride_id)
        self._leave(tables.FamilyNews, *told)
        row = tables.Event
        words = col(row.kind).in_(("note", "call"))
        return self._leave(row, col(row.run_id) == run_id, col(row.ride_id) == ride_id, words)

    def _erase_links(self, user_id: str, email: str) -> dict[str, int]:
        """Delete the rows that are a resident's alone, or tie somebody to them."""
        done: dict[str, int] = {}
        for table, column in _OF_RESIDENT:
            done[str(table.__tablename__)] = self._leave(table, getattr(table, column) == user_id)
        consent = tables.Consent
        involved = [col(consent.subject_id) == user_id, col(consent.user_id) == user_id]
        involved += [col(consent.email) == email] if email else []
        done |= self._erase_consents(or_(*involved))
        addressed = [col(tables.Outbox.user_id) == user_id, *([col(tables.Outbox.email) == email] if email else ())]
        done["outbox"] = self._leave(tables.Outbox, or_(*addressed))
        heard = [col(tables.FamilyNews.recipient) == user_id]
        heard += [col(tables.FamilyNews.recipient) == email] if email else []
        done["family_news"] = done.get("family_news", 0) + self._leave(tables.FamilyNews, or_(*heard))
        proxy = tables.Proxy
        tied = [col(proxy.rider_id) == user_id, col(proxy.helper_id) == user_id]
        tied += [col(proxy.address) == email] if email else []
        done["proxy"] = self._leave(proxy, or_(*tied))
        who = cast(tables.SignIn.user_ids, String).contains(f'"{user_id}"', autoescape=True)
        done["sign_in"] = self._leave(tables.SignIn, who)
        return done

    def _erase_consents(self, *whose: ColumnElement[bool]) -> dict[str, int]:
        row = tables.Consent
        ids = list(self._session.connection().execute(select(row.id).where(*whose)).scalars())
        news = self._leave(tables.FamilyNews, col(tables.FamilyNews.consent_id).in_(ids))
        self._leave(tables.ConsentEnd, col(tables.ConsentEnd.consent_id).in_(ids))
        return {"family_news": news, "consent": self._leave(row, col(row.id).in_(ids))}

    def _erase_requests(self, user_id: str) -> dict[str, int]:
        row = tables.Request
        self._leave(tables.Series, col(tables.Series.rider_id) == user_id)
        own = col(row.rider_id) == user_id
        counted = or_(col(row.asked_at).is_not(None), col(row.id).in_(select(tables.Booking.request_id)))
        gone = self._leave(row, own, ~counted)
        return {"request": gone + self._blank(row, own, series_id=None, people=1, **NOWHERE)}

    def _erase_words(self, words: Iterable[str], phone: str) -> dict[str, int]:
        """Empty notes of staff in which somebody is named, and what others' papers say of them as a helper."""
        done: dict[str, int] = {}
        said = list(words)
        for table, column in _WRITTEN:
            named = [col(getattr(table, column)).icontains(word, autoescape=True) for word in said]
            if named:
                done[str(table.__tablename__)] = self._blank(table, or_(*named), **{column: ""})
        if said:
            row = tables.Event
            named = [col(row.text).icontains(word, autoescape=True) for word in said]
            done["event"] = self._leave(row, col(row.kind) == "note", or_(*named))
        if phone:
            helped = col(tables.RiderProfile.helper_phone) == phone
            done["rider_profile"] = self._blank(tables.RiderProfile, helped, helper_phone="", helper_name="")
        return done


NOWHERE: Mapping[str, Any] = {
    "origin_label": "", "origin_lat": None, "origin_lon": None, "destination_label": "", "destination_lat": None,
    "destination_lon": None, "needs": [], "purpose": "", "wheelchairs": 0, "stowage": 0,
}  # fmt: skip
"""What a request says once nobody may know any more where it led."""
NO_LONGER: Mapping[str, Any] = {
    "email": None, "password": None, "active": False, "roles": [], "name": "–", "phone": "", "language": "",
    "groups": [], "groups_until": {}, "max_walk": 300, "people": 1, "wheelchairs": 0, "needs": [], "stowage": 0,
    "home_id": None, "text_size": "", "contrast": "", "created_at": datetime(1970, 1, 1),
}  # fmt: skip
"""What is left of somebody who was erased: an id that past bookings name, and nothing else."""
SHORTEST_WORD = 4
"""Letters below which a name is no ground to empty what others wrote."""
_OF_RUN = (
    tables.Booking,
    tables.RoadChange,
    tables.FamilyNews,
    tables.RunWatch,
    tables.Event,
    tables.RunRide,
    tables.RunStop,
    tables.RunEvent,
)
_OF_RESIDENT: tuple[tuple[type[SQLModel], str], ...] = (
    (tables.RiderProfile, "user_id"),
    (tables.GroupRecord, "user_id"),
    (tables.CallTurn, "user_id"),
    (tables.CallBack, "user_id"),
    (tables.Card, "user_id"),
    (tables.SavedPlace, "owner_id"),
    (tables.Guardian, "user_id"),
    (tables.Reach, "user_id"),
    (tables.PushSubscription, "user_id"),
    (tables.LineLink, "user_id"),
    (tables.Passkey, "user_id"),
    (tables.SecondFactor, "user_id"),
    (tables.RecoveryCode, "user_id"),
    (tables.KnownDevice, "user_id"),
    (tables.IdentityEvent, "user_id"),
)
_WRITTEN: tuple[tuple[type[SQLModel], str], ...] = (
    (tables.AlertStep, "note"),
    (tables.RiderProfile, "note"),
    (tables.Feedback, "words"),
)
EXPIRED: Mapping[str, Callable[[Expiry, datetime], int]] = {
    "sign-ins": Expiry._sign_ins,
    "drafts": Expiry._drafts,
    "requests": Expiry._unbooked,
    "messages": Expiry._messages,
    "codes": Expiry._stale_codes,
    "call-backs": Expiry._call_backs,
    "uploads": Expiry._uploads,
    "consents": Expiry._consents,
    "helpers": Expiry._proxies,
    "cards": Expiry._cards,
    "weekly trips": Expiry._series,
    "browsers": Expiry._browsers,
    "histories": Expiry.expire_orphans,
    "audit": Expiry._audit,
}
"""How each class of data leaves; the limits are those of `services.retention`."""


def _keys(table: type[SQLModel]) -> list[Any]:
    return [*table.__table__.primary_key]  # type: ignore[attr-defined]
