-- What add-ons found, and what conversions made of a file.
ALTER TABLE files ADD COLUMN appdata TEXT NOT NULL DEFAULT '{}';
ALTER TABLE files ADD COLUMN variations TEXT NOT NULL DEFAULT '{}';
