"""lockml with heartbeats every half second, so that a test sees within seconds what takes a minute elsewhere."""

from datetime import timedelta

from lockml.audit import delivery, heartbeat
from lockml.cli.main import main

if __name__ == "__main__":
    heartbeat.PAUSE = 0.5  # type: ignore[misc] # a constant elsewhere, as the others
    heartbeat.SILENCE = timedelta(seconds=8)  # type: ignore[misc]
    delivery.SHORT_GAP = timedelta(seconds=1)  # type: ignore[misc]
    main()
