-- A layer on top of all those below it. `tree` names the directory of its files: layers of equal content may share one.
CREATE TABLE layer (
    chain_id  TEXT PRIMARY KEY,
    parent    TEXT REFERENCES layer (chain_id),
    diff_id   TEXT NOT NULL,
    blob      TEXT NOT NULL,
    tree      TEXT NOT NULL,
    size      INTEGER NOT NULL,
    -- Whether the files do not depend on the layers below.
    shareable INTEGER NOT NULL,
    -- Whether its archive describes the root directory.
    root      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX layer_parent ON layer (parent);
CREATE INDEX layer_diff ON layer (diff_id);
CREATE INDEX layer_tree ON layer (tree);

-- Directories in layers/: a layer whose own is not here was damaged. What they were like when they were made is null
-- for those of format 1 until they are looked at.
CREATE TABLE tree (
    id      TEXT PRIMARY KEY,
    shape   TEXT,
    content TEXT
) STRICT, WITHOUT ROWID;

-- `id` is the digest of the configuration; `top` is null for an image without layers.
CREATE TABLE image (
    id        TEXT PRIMARY KEY,
    manifest  TEXT,
    top       TEXT REFERENCES layer (chain_id),
    stored_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX image_top ON image (top);

CREATE TABLE tag (
    repository TEXT NOT NULL,
    tag        TEXT NOT NULL,
    image      TEXT NOT NULL REFERENCES image (id),
    tagged_at  INTEGER NOT NULL,
    PRIMARY KEY (repository, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX tag_image ON tag (image);

-- What a registry served under a digest: an index or a manifest.
CREATE TABLE digest (
    repository TEXT NOT NULL,
    digest     TEXT NOT NULL,
    image      TEXT NOT NULL REFERENCES image (id),
    PRIMARY KEY (repository, digest, image)
) STRICT, WITHOUT ROWID;
CREATE INDEX digest_image ON digest (image);

-- Files in blobs/: one that is named elsewhere and is not here was damaged.
CREATE TABLE blob (
    digest TEXT PRIMARY KEY,
    size   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What containers hold: their layers stay, whatever happens to the image.
CREATE TABLE holder (
    container TEXT PRIMARY KEY,
    image     TEXT NOT NULL,
    top       TEXT REFERENCES layer (chain_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX holder_top ON holder (top);
