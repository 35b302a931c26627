-- What add-ons found, and what conversions made of a file.
ALTER TABLE files ADD COLUMN appdata TEXT NOT NULL DEFAULT '{}';
ALTER TABLE files ADD COLUMN variations TEXT NOT NULL DEFAULT '{}';
-- A file that is announced before its bytes are there: '' for a whole one, 'copy' or 'conversion' while it is made.
ALTER TABLE files ADD COLUMN provisional TEXT NOT NULL DEFAULT '';
