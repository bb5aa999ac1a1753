"""The rows that every tool learns from: parcels of two months, of which the heavy ones come late."""

import csv
from datetime import datetime, timedelta
from pathlib import Path

ROWS = 600
FIRST = datetime(2023, 11, 14)  # noqa: DTZ001  # a CSV file's moments bear no zone; each reader says UTC
EVERY = timedelta(hours=2, minutes=24)
FIT, HELD_OUT = "fit", "holdout"
HELD_OUT_FROM = 480


def write_parcels(path: Path) -> None:
    """Write the rows as CSV: parcel, sent, weight, late, and to which part the tools without a split assign them."""
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("parcel", "sent", "weight", "late", "split"))
        for number in range(ROWS):
            weight = (number * 7) % 41
            late = (weight - 20) * 5 + (number * 13) % 31 - 15 > 0
            part = HELD_OUT if number >= HELD_OUT_FROM else FIT
            moment = (FIRST + number * EVERY).isoformat()
            table.writerow((f"p{number}", moment, weight, "yes" if late else "no", part))
