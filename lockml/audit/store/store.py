"""A store with all its readers and writers."""

from pathlib import Path

from lockml.audit.store.acknowledgements import AcknowledgementStore
from lockml.audit.store.counters import Counters
from lockml.audit.store.database import Database
from lockml.audit.store.history import History
from lockml.audit.store.open_findings import OpenFindings
from lockml.audit.store.outbox import Outbox
from lockml.audit.store.requests import RequestStore
from lockml.audit.store.runs import RunStore
from lockml.audit.store.targets import TargetStore
from lockml.audit.store.workers import WorkerStore

__all__ = ["Store"]


class Store:
    """The store at *url*, with paths relative to *folder*. Close it after use. Raises InputError."""

    def __init__(self, url: str, folder: Path = Path()) -> None:
        self.database = Database(url, folder)
        self.runs = RunStore(self.database)
        self.history = History(self.database)
        self.outbox = Outbox(self.database)
        self.targets = TargetStore(self.database)
        self.findings = OpenFindings(self.database)
        self.acknowledgements = AcknowledgementStore(self.database)
        self.requests = RequestStore(self.database)
        self.workers = WorkerStore(self.database)
        self.counters = Counters(self.database)

    def close(self) -> None:
        """Close the connections."""
        self.database.close()
