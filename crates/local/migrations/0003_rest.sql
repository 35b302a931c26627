-- How many groups there are, kept as the totals of files are.
INSERT INTO totals SELECT 'groups', count(*) FROM file_groups;
CREATE TRIGGER groups_counted AFTER INSERT ON file_groups BEGIN
    UPDATE totals SET files = files + 1 WHERE state = 'groups';
END;
CREATE TRIGGER groups_discounted AFTER DELETE ON file_groups BEGIN
    UPDATE totals SET files = files - 1 WHERE state = 'groups';
END;

-- What announced copies are made of, until they are.
CREATE TABLE copies (
    file TEXT PRIMARY KEY REFERENCES files (uuid) ON DELETE CASCADE,
    source TEXT NOT NULL,
    effects TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The words of a file name: it is also split where the case changes, which SQL cannot do.
ALTER TABLE files ADD COLUMN name_words TEXT NOT NULL DEFAULT '';

-- Search. Rows are known by uploaded_at, which is unique and never changes. One index finds parts of words, the other
-- whole words in order; a letter that stands alone keeps a phrase from reaching from one metadata value into the next.
CREATE VIRTUAL TABLE search_parts USING fts5 (
    name, metadata, mime, tokenize = 'trigram', content = '', contentless_delete = 1
);
CREATE VIRTUAL TABLE search_words USING fts5 (
    name, split, metadata, mime, tokenize = 'unicode61 remove_diacritics 0', content = '', contentless_delete = 1
);
CREATE VIRTUAL TABLE search_vocabulary USING fts5vocab (search_words, row);

INSERT INTO search_parts (rowid, name, metadata, mime)
    SELECT uploaded_at, original_filename, (SELECT group_concat(value, char(10)) FROM json_each(metadata)),
           content_info ->> '$.mime.mime'
    FROM files;
INSERT INTO search_words (rowid, name, split, metadata, mime)
    SELECT uploaded_at, original_filename, name_words, (SELECT group_concat(value, ' ꙮ ') FROM json_each(metadata)),
           content_info ->> '$.mime.mime'
    FROM files;

CREATE TRIGGER files_indexed AFTER INSERT ON files BEGIN
    INSERT INTO search_parts (rowid, name, metadata, mime) VALUES (
        NEW.uploaded_at, NEW.original_filename,
        (SELECT group_concat(value, char(10)) FROM json_each(NEW.metadata)), NEW.content_info ->> '$.mime.mime'
    );
    INSERT INTO search_words (rowid, name, split, metadata, mime) VALUES (
        NEW.uploaded_at, NEW.original_filename, NEW.name_words,
        (SELECT group_concat(value, ' ꙮ ') FROM json_each(NEW.metadata)), NEW.content_info ->> '$.mime.mime'
    );
END;
CREATE TRIGGER files_reindexed AFTER UPDATE OF uploaded_at, original_filename, name_words, metadata, content_info
ON files WHEN
    OLD.uploaded_at <> NEW.uploaded_at OR OLD.original_filename <> NEW.original_filename
    OR OLD.name_words <> NEW.name_words OR OLD.metadata <> NEW.metadata OR OLD.content_info <> NEW.content_info
BEGIN
    DELETE FROM search_parts WHERE rowid = OLD.uploaded_at;
    DELETE FROM search_words WHERE rowid = OLD.uploaded_at;
    INSERT INTO search_parts (rowid, name, metadata, mime) VALUES (
        NEW.uploaded_at, NEW.original_filename,
        (SELECT group_concat(value, char(10)) FROM json_each(NEW.metadata)), NEW.content_info ->> '$.mime.mime'
    );
    INSERT INTO search_words (rowid, name, split, metadata, mime) VALUES (
        NEW.uploaded_at, NEW.original_filename, NEW.name_words,
        (SELECT group_concat(value, ' ꙮ ') FROM json_each(NEW.metadata)), NEW.content_info ->> '$.mime.mime'
    );
END;
CREATE TRIGGER files_unindexed AFTER DELETE ON files BEGIN
    DELETE FROM search_parts WHERE rowid = OLD.uploaded_at;
    DELETE FROM search_words WHERE rowid = OLD.uploaded_at;
END;
