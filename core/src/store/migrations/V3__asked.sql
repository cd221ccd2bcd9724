-- Dots of an earlier replica id of which a store that may be a copy cannot know whether the office has them. Nothing is
-- pushed before the office was asked about every one.
create table asked (
    record   blob    not null check (length(record) = 16),
    replica  blob    not null check (length(replica) = 16),
    counter  integer not null check (counter > 0),
    content  blob    not null check (length(content) = 32),     -- hash of what the dot means
    known    integer check (known in (0, 1)),                   -- whether the office has it; null: not asked yet
    primary key (record, replica, counter, content)
) strict, without rowid;

create index asked_open on asked (record, replica, counter) where known is null;
