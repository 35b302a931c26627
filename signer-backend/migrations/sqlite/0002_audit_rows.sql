-- Rows of the audit log are large, and in a table without row ids they lie in inner pages too: four to a page, and an
-- append writes many. With row ids it writes the last pages only.

CREATE TABLE audit_rows (
    node      TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    phase     TEXT NOT NULL,
    request   TEXT,
    caller    TEXT,
    operation TEXT,
    area      TEXT,
    verdict   TEXT,
    record    TEXT NOT NULL, -- what was hashed, byte for byte
    hash      TEXT NOT NULL,
    PRIMARY KEY (node, seq)
) STRICT;
INSERT INTO audit_rows SELECT * FROM audit ORDER BY node, seq;
DROP TABLE audit;
ALTER TABLE audit_rows RENAME TO audit;
CREATE INDEX audit_by_time ON audit (at, node, seq);
