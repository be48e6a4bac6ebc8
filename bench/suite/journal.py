"""What a daemon's store was given to do: transactions and bytes of log, counted from outside."""

import pathlib
import struct
import time

from . import postgres

_HEADER, _FRAME = 32, 24  # bytes, https://www.sqlite.org/fileformat2.html#walformat
_SETTLED = 12  # seconds after which a server process has told its statistics


class SqliteJournal:
    """Reads the write-ahead log; look at least every 1,000 pages, after which it may begin anew."""

    def __init__(self, data: pathlib.Path):
        self.log = data / "croft.db-wal"
        self.salts, self.frames, self.transactions, self.bytes = b"", 0, 0, 0

    def look(self) -> tuple:
        """(transactions, bytes of log) so far."""
        content = self.log.read_bytes() if self.log.exists() else b""
        if len(content) < _HEADER:
            return self.transactions, self.bytes
        size, salts = struct.unpack(">I", content[8:12])[0] + _FRAME, content[16:24]
        if salts != self.salts:
            self.salts, self.frames = salts, 0
        at = _HEADER + self.frames * size
        while at + size <= len(content) and content[at + 8:at + 16] == salts:
            self.transactions += content[at + 4:at + 8] != b"\0\0\0\0"  # the last page of a commit
            self.bytes += size
            self.frames += 1
            at += size
        return self.transactions, self.bytes

    def rows(self):
        return None


class PostgresJournal:
    """Asks the server. Signs of life of the daemon, one in 5 s without work, are among its transactions."""

    def __init__(self, server: postgres.Server, database: str):
        self.server, self.database = server, database

    def look(self) -> tuple:
        answer = self.server.sql(self.database, "SELECT batch, pg_current_wal_insert_lsn() - '0/0' FROM writer")
        return tuple(int(number) for number in answer.split("|"))

    def rows(self) -> int:
        """How many rows were written, but for counters and who writes."""
        time.sleep(_SETTLED)
        return int(self.server.sql(self.database, "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_user_tables "
                                                  "WHERE relname NOT IN ('writer', 'counters')"))
