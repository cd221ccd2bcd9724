-- A device is told of whatever left its scope since its cursor, also of what it never had: earlier stays need no memory.
drop table stay;
