"""Read and write how people who work here prove who they are: passkeys, apps, recovery codes, known browsers."""

from datetime import datetime

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from webapp.db.tables import IdentityEvent, KnownDevice, Passkey, PasskeyChallenge, RecoveryCode, SecondFactor


class IdentityRecords:
    """What `Records` tells of it; rows are detached from the database."""

    _session: Session

    def list_passkeys(self, user_id: str) -> list[Passkey]:
        chosen = select(Passkey).where(Passkey.user_id == user_id).order_by(col(Passkey.added_at), Passkey.id)
        found = list(self._session.exec(chosen))
        self._session.expunge_all()
        return found

    def find_passkey(self, passkey_id: str) -> Passkey | None:
        found = self._session.get(Passkey, passkey_id)
        self._session.expunge_all()
        return found

    def find_second_factor(self, user_id: str) -> SecondFactor | None:
        found = self._session.get(SecondFactor, user_id)
        self._session.expunge_all()
        return found

    def list_recovery_codes(self, user_id: str) -> list[RecoveryCode]:
        """List somebody's recovery codes, used ones too."""
        chosen = select(RecoveryCode).where(RecoveryCode.user_id == user_id).order_by(col(RecoveryCode.number))
        found = list(self._session.exec(chosen))
        self._session.expunge_all()
        return found

    def list_users_of_device(self, device: str) -> set[str]:
        """Give the ids of the people who were signed in in a browser."""
        return set(self._session.exec(select(KnownDevice.user_id).where(KnownDevice.device == device)))

    def list_identity_events(self, user_id: str) -> list[IdentityEvent]:
        """List what changed of how somebody signs in, oldest first."""
        chosen = select(IdentityEvent).where(IdentityEvent.user_id == user_id)
        found = list(self._session.exec(chosen.order_by(col(IdentityEvent.at), IdentityEvent.id)))
        self._session.expunge_all()
        return found


class IdentityChanges:
    """What `Door` changes of it."""

    _session: Session

    def take_challenge(self, challenge_id: str, *, since: datetime) -> bool:
        """Use a challenge up, if it is there and no older: nobody else has the same one."""
        row = PasskeyChallenge
        gone = delete(row).where(col(row.id) == challenge_id).returning(col(row.created_at))
        made = self._session.scalars(gone).first()
        return made is not None and made > since

    def add_identity_event(self, event: IdentityEvent) -> None:
        """Append what changed of how somebody signs in."""
        self._session.add(event)
        self._session.flush()
        self._session.expunge_all()

    def forget_challenges(self, before: datetime) -> None:
        """Delete challenges that nobody has answered in time."""
        self._session.exec(delete(PasskeyChallenge).where(col(PasskeyChallenge.created_at) <= before))

    def forget_passkey(self, passkey_id: str) -> None:
        self._session.exec(delete(Passkey).where(col(Passkey.id) == passkey_id))

    def forget_app(self, user_id: str) -> None:
        self._session.exec(delete(SecondFactor).where(col(SecondFactor.user_id) == user_id))

    def forget_factors(self, user_id: str) -> None:
        """Delete every second factor of somebody."""
        for table in (Passkey, SecondFactor, RecoveryCode):
            self._session.exec(delete(table).where(col(table.user_id) == user_id))

    def forget_recovery_codes(self, user_id: str) -> None:
        self._session.exec(delete(RecoveryCode).where(col(RecoveryCode.user_id) == user_id))

    def use_device(self, user_id: str, device: str, at: datetime) -> None:
        """Note when somebody was in again in a browser that is known."""
        row = KnownDevice
        same = (col(row.user_id) == user_id, col(row.device) == device)
        self._session.connection().execute(update(row).where(*same).values(used_at=at))

    def forget_devices(self, before: datetime) -> None:
        """Delete browsers in which nobody was signed in since."""
        self._session.exec(delete(KnownDevice).where(col(KnownDevice.used_at) < before))
