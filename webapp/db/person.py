"""Read all that the records hold of one person, table by table."""

from typing import Any

from sqlalchemy import and_, or_
from sqlmodel import Session, SQLModel, col, select
from sqlmodel.sql.expression import SelectOfScalar

from webapp.db import tables


class PersonRecords:
    """The part of the records that gathers what is known of one person."""

    _session: Session

    def list_known_of_resident(self, user_id: str) -> dict[str, list[SQLModel]]:
        """Map each class of data to the rows about a resident, those that ended too."""
        booking, consent, proxy = tables.Booking, tables.Consent, tables.Proxy
        user = self._session.get(tables.User, user_id)
        email = user.email if user else None
        told = or_(
            col(consent.subject_id) == user_id,
            col(consent.user_id) == user_id,
            *([col(consent.email) == email] if email else ()),
        )
        ended = select(tables.ConsentEnd).join(consent, col(consent.id) == tables.ConsentEnd.consent_id).where(told)
        own = select(booking.id).where(booking.rider_id == user_id)
        event = tables.Event
        ridden = and_(col(event.run_id) == booking.run_id, col(event.ride_id) == booking.ride_id)
        helped = or_(col(proxy.rider_id) == user_id, col(proxy.helper_id) == user_id)
        found = {
            "account": [
                *self._all(select(tables.User).where(tables.User.id == user_id)),
                *self._all(select(tables.KnownDevice).where(tables.KnownDevice.user_id == user_id)),
                *self._all(select(tables.IdentityEvent).where(tables.IdentityEvent.user_id == user_id)),
            ],
            "paper": self._all(select(tables.RiderProfile).where(tables.RiderProfile.user_id == user_id)),
            "groups": self._all(select(tables.GroupRecord).where(tables.GroupRecord.user_id == user_id)),
            "places": self._all(select(tables.SavedPlace).where(tables.SavedPlace.owner_id == user_id)),
            "requests": self._all(select(tables.Request).where(tables.Request.rider_id == user_id)),
            "trips": self._all(select(booking).where(booking.rider_id == user_id)),
            "weekly": self._all(select(tables.Series).where(tables.Series.rider_id == user_id)),
            "taps": self._all(select(event).join(booking, ridden).where(booking.rider_id == user_id)),
            "opinions": self._all(select(tables.Feedback).where(col(tables.Feedback.booking_id).in_(own))),
            "helpers": self._all(select(proxy).where(helped)),
            "consents": [*self._all(select(consent).where(told)), *self._all(ended)],
            "news": self._all(select(tables.FamilyNews).where(tables.FamilyNews.recipient == user_id)),
            "members": self._all(select(tables.Guardian).where(tables.Guardian.user_id == user_id)),
            "absences": self._all(select(tables.AbsentDay).where(tables.AbsentDay.entered_by == user_id)),
            "reach": [
                *self._all(select(tables.Reach).where(tables.Reach.user_id == user_id)),
                *self._all(select(tables.LineLink).where(tables.LineLink.user_id == user_id)),
                *self._all(select(tables.PushSubscription).where(tables.PushSubscription.user_id == user_id)),
            ],
            "messages": self._all(select(tables.Outbox).where(tables.Outbox.user_id == user_id)),
            "cards": self._all(select(tables.Card).where(tables.Card.user_id == user_id)),
            "call_backs": [
                *self._all(select(tables.CallBack).where(tables.CallBack.user_id == user_id)),
                *self._all(select(tables.CallTurn).where(tables.CallTurn.user_id == user_id)),
            ],
        }
        self._session.expunge_all()
        return found

    def list_known_of_member(self, operator_id: str, code: str) -> dict[str, list[SQLModel]]:
        """Map each class of data to the rows about an operator's member."""
        run, ride, event, consent = tables.Run, tables.RunRide, tables.Event, tables.Consent
        mine = (run.operator_id == operator_id, ride.member == code)
        told = (consent.operator_id == operator_id, consent.member == code)
        rides = select(ride).join(run, col(run.id) == ride.run_id).where(*mine)
        same = and_(col(event.run_id) == ride.run_id, col(event.ride_id) == ride.id)
        ended = select(tables.ConsentEnd).join(consent, col(consent.id) == tables.ConsentEnd.consent_id).where(*told)
        stop = tables.RunStop
        at = and_(col(stop.run_id) == ride.run_id, col(stop.id).in_((ride.pickup, ride.dropoff)))
        news = select(tables.FamilyNews).join(consent, col(consent.id) == tables.FamilyNews.consent_id).where(*told)
        found = {
            "account": self._all(
                select(tables.Member).where(tables.Member.operator_id == operator_id, tables.Member.code == code)
            ),
            "rides": self._all(rides.order_by(col(run.service_date), run.id)),
            "places": self._all(select(stop).join(ride, at).join(run, col(run.id) == ride.run_id).where(*mine)),
            "taps": self._all(select(event).join(ride, same).join(run, col(run.id) == ride.run_id).where(*mine)),
            "consents": [*self._all(select(consent).where(*told)), *self._all(ended)],
            "news": self._all(news),
            "members": self._all(
                select(tables.Guardian).where(
                    tables.Guardian.operator_id == operator_id, tables.Guardian.member == code
                )
            ),
            "absences": self._all(
                select(tables.AbsentDay).where(
                    tables.AbsentDay.operator_id == operator_id, tables.AbsentDay.member == code
                )
            ),
        }
        self._session.expunge_all()
        return found

    def _all(self, chosen: SelectOfScalar[Any]) -> list[SQLModel]:
        return list(self._session.exec(chosen))
