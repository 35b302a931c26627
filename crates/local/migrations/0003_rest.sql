-- How many groups there are, kept as the totals of files are.
INSERT INTO totals SELECT 'groups', count(*) FROM file_groups;
CREATE TRIGGER groups_counted AFTER INSERT ON file_groups BEGIN
    UPDATE totals SET files = files + 1 WHERE state = 'groups';
END;
CREATE TRIGGER groups_discounted AFTER DELETE ON file_groups BEGIN
    UPDATE totals SET files = files - 1 WHERE state = 'groups';
END;
