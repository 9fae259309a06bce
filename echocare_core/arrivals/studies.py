"""What is done with each study that has come: predicted on and stored, once, and whatever failed told."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from echocare_core.arrivals.inbox import Arrival, Inbox
from echocare_core.arrivals.record import BEGUN, DONE, FAILED, MOST_ATTEMPTS, UNSENT, Record, Records
from echocare_core.arrivals.worker import predict_apart
from echocare_core.bundle import find_bundle
from echocare_core.errors import BundleError, OutputError, PacsError, SettingsError
from echocare_core.pacs.send import CALLING, destination_at, send
from echocare_core.result_files import DICOM

AGAIN_S = 60.0  # before a PACS that could not be used is tried again


class Predicts(Protocol):
    """How one bundle predicts on one study."""

    def __call__(self, bundle: str, source: Path, out: Path, options: Sequence[str] = ()) -> None:
        """Write the results of a bundle on a study to `out`, or raise BundleError."""


@dataclass(frozen=True)
class WatchOrders:
    """What to do with each study.

    Attributes:
        bundles: names or folders of the bundles that predict on it.
        send_to: address of the PACS that gets the results (`pacs.send`); None sends nothing.
        calling: AE title of this side, for C-STORE.
        options: further words of `echocare predict`.
        ca_bundle: PEM file with the certificates to trust.
    """

    bundles: tuple[str, ...]
    send_to: str | None = None
    calling: str = CALLING
    options: tuple[str, ...] = ()
    ca_bundle: Path | None = None


class Studies:
    """The studies of one inbox, and how far each is.

    One is taken when all of it has come, and again only when its files have changed. What could not be sent is tried
    again a minute later. What failed otherwise is told, and tried again when a watch begins anew: three times in all,
    so that a study on which the process ends cannot end it for ever.

    Args:
        inbox: what arrives.
        records: of what was done, beside the results.
        orders: what to do.
        predict: how.

    Attributes:
        states: of each study that was looked at, by its name: "done", "failed" or "unsent".

    Raises:
        BundleError: no such bundle.
        PacsError: an extra that sending needs is not installed.
        SettingsError: no bundle is named, or two of the same name; or no PACS can be at the address.
    """

    def __init__(self, inbox: Inbox, records: Records, orders: WatchOrders, predict: Predicts = predict_apart) -> None:
        self._inbox, self._records, self._orders, self._predict = inbox, records, orders, predict
        self._names = {bundle: find_bundle(bundle).name for bundle in orders.bundles}
        if not self._names or len(set(self._names.values())) < len(orders.bundles):
            raise SettingsError("No bundle is named, or two of one name; needed some that differ. Name them.")
        if orders.send_to:
            destination_at(orders.send_to, orders.calling, orders.ca_bundle)  # refused now rather than in the night
        self.states: dict[str, str] = {}
        self._stamps: dict[str, str] = {}
        self._send_again_at = 0.0

    def look(self) -> None:
        """Take each study that has come and is not done.

        Raises:
            OutputError: the inbox cannot be read, or the results cannot be written.
        """
        for arrival in self._inbox.complete():
            is_known = self._stamps.get(arrival.name) == arrival.stamp
            may_send = self.states.get(arrival.name) == UNSENT and time.monotonic() >= self._send_again_at
            if is_known and not may_send:
                continue
            try:
                record = self._record_of(arrival)
            except OSError:  # it is being moved away
                continue
            if record.state == UNSENT or (record.state != DONE and record.attempts < MOST_ATTEMPTS):
                record = self._take(arrival, record)
                self._records.write(arrival.name, record)
            self.states[arrival.name], self._stamps[arrival.name] = record.state, arrival.stamp

    def _record_of(self, arrival: Arrival) -> Record:
        """That of these very files; a new one where they are others."""
        record = self._records.read(arrival.name)
        if record.stamp == arrival.stamp:
            return record
        content = arrival.content()
        if content == record.content:
            return replace(record, stamp=arrival.stamp)
        return Record(BEGUN, arrival.stamp, content)

    def _take(self, arrival: Arrival, record: Record) -> Record:
        """Predict on a study and send the results: how far that came."""
        if record.state != UNSENT:
            self._records.write(arrival.name, replace(record, state=BEGUN, attempts=record.attempts + 1))
            try:
                self._predict_all(arrival)
            except (KeyboardInterrupt, SystemExit):  # told to end, which is nothing of the study's
                self._records.write(arrival.name, replace(self._records.read(arrival.name), attempts=record.attempts))
                raise
            record = self._records.read(arrival.name)
        sent = [self._send(arrival.name, bundle) for bundle in record.predicted]
        if len(record.predicted) < len(self._names):
            return replace(record, state=FAILED)
        return replace(record, state=next((state for state in (UNSENT, FAILED) if state in sent), DONE))

    def _predict_all(self, arrival: Arrival) -> None:
        """Predict with each bundle that has not done so, and note each that has."""
        for bundle, name in self._names.items():
            record = self._records.read(arrival.name)
            if name in record.predicted:
                continue
            try:
                self._predict(bundle, arrival.path, self._records.out / arrival.name / name, self._orders.options)
            except BundleError as fault:
                self._records.tell(arrival.name, name, "failed", str(fault))
                continue
            self._records.write(arrival.name, replace(record, predicted=(*record.predicted, name)))
            self._records.tell(arrival.name, name, "predicted")

    def _send(self, study: str, bundle: str) -> str:
        """Send the results of one bundle: the state that follows from it."""
        orders, folder = self._orders, self._records.out / study / bundle
        if not orders.send_to:
            return DONE
        if not any((folder / DICOM).glob("**/*.dcm")):
            self._records.tell(study, bundle, "nothing to send", "There is no DICOM object of it.")
            return DONE
        try:
            sent = send(folder, orders.send_to, calling=orders.calling, ca_bundle=orders.ca_bundle)
        except PacsError as fault:
            self._records.tell(study, bundle, "not sent yet", str(fault))
            self._send_again_at = time.monotonic() + AGAIN_S
            return UNSENT
        except OutputError as fault:
            self._records.tell(study, bundle, "not sent", str(fault))
            return FAILED
        counts = ", ".join(f"{number} {name}" for name, number in sent.counts.items())
        told = [aside.reason for aside in (*sent.not_stored, *sent.warnings)]
        self._records.tell(study, bundle, "not all sent" if sent.not_stored else "sent", "; ".join([counts, *told[:1]]))
        return FAILED if sent.not_stored else DONE
