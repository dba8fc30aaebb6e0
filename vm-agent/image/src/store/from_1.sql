-- From format 1 to 2: directories got rows of their own.
CREATE TABLE tree (
    id      TEXT PRIMARY KEY,
    shape   TEXT,
    content TEXT
) STRICT, WITHOUT ROWID;
INSERT INTO tree (id) SELECT DISTINCT tree FROM layer;
