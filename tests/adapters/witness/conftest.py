"""A real ledger over SQLite, and witnesses over it."""

import pytest

from andon.adapters.keys import generate_key, load_signer, verifier
from andon.adapters.sql.database import open_database
from andon.adapters.witness.folder import WitnessFolder
from andon.kernel.clock import SystemClock
from andon.kernel.digest import of_bytes
from andon.ledger.cosignature import WitnessKey
from andon.ledger.desk import Desk
from andon.ledger.log import Ledger
from andon.ledger.note import note_key

ORIGIN = "example.com/flights"


class World:
    """A ledger that grows, and witnesses in folders of their own."""

    def __init__(self, path, origin=ORIGIN):
        self.path, self.origin = path, origin
        path.mkdir(exist_ok=True)
        self.database = open_database(f"sqlite:///{path}/control.db")
        self.signer = self.key("log")
        self.log = (verifier(self.signer.public),)
        known = {self.signer.key_id: self.log[0]}
        self.ledger = Ledger(
            self.database.ledger_rows, self.database.checkpoints, self.signer, origin, SystemClock(), known
        )

    def key(self, name):
        path = self.path / "keys" / f"{name}.pem"
        if not path.exists():
            generate_key(path)
        return load_signer(path)

    def grow(self, size):
        while (now := self.ledger.rows.size()) < size:
            with self.database.units.begin() as unit:
                self.ledger.append(unit, "release", of_bytes(b"%d" % now))

    def make_known(self, kept):
        kept.add_log(self.origin, note_key(self.origin, self.signer.public))

    def witness(self, name, *, knows=True):
        """A witness's folder, its desk, and the key that counts."""
        kept = WitnessFolder(self.path / name, verifier)
        kept.found(name)
        if not kept.key.exists():
            generate_key(kept.key)
        if knows:
            self.make_known(kept)
        signer = load_signer(kept.key)
        return kept, Desk(name, signer, SystemClock(), kept), WitnessKey(name, verifier(signer.public))


@pytest.fixture
def world(tmp_path, request):
    """A ledger with a name of its own, so that tests can share a witness."""
    made = World(tmp_path, f"example.com/{request.node.originalname}")
    yield made
    made.database.close()
