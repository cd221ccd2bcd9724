-- What screens read: typed, indexed tables computed from the shown records, in the transaction that changes them.
-- Nothing here is a source of truth; all of it can be computed again from the table `record` at any time.

-- One row for each work order: what a list, a day plan or an asset's history shows of it.
create table job (
    place           integer primary key,                            -- also the row in `job_text`
    id              blob    not null unique check (length(id) = 16),
    number          text    not null,                               -- '' while the order has none
    is_provisional  integer not null check (is_provisional in (0, 1)), -- the number was made on a device
    status          text    not null,                               -- protocol/status.rs names them
    priority        integer not null,                               -- 0 is the most urgent
    due_ms          integer,
    planned_from_ms integer,                                        -- of this device's own assignment
    planned_to_ms   integer,
    place_in_day    integer,                                        -- own order of the day
    is_mine         integer not null check (is_mine in (0, 1)),     -- an own assignment stands
    customer        blob,
    site            blob,
    asset           blob,
    problem         text    not null,
    visited_ms      integer,                                        -- when the last visit event happened
    outcome         text,                                           -- of the last report that has one
    summary         text    not null,                               -- cause and method, as reported
    has_conflict    integer not null check (has_conflict in (0, 1)),
    differs         integer not null check (differs in (0, 1)),     -- from what the customer signed
    updated_ms      integer not null                                -- newest stamp in it, on the office's clock
) strict;

-- One index for each way a list is sorted; `read/jobs.rs` names the same expressions.
create index job_by_plan on job (coalesce(planned_from_ms, 9223372036854775807), coalesce(place_in_day, 9223372036854775807), id);
create index job_by_priority on job (priority, coalesce(due_ms, 9223372036854775807), id);
create index job_by_due on job (coalesce(due_ms, 9223372036854775807), priority, id);
create index job_by_number on job (number, place, id);
create index job_by_update on job (-updated_ms, priority, id);
create index job_by_status on job (status, is_mine);
create index job_by_asset on job (asset, -coalesce(visited_ms, updated_ms), id) where asset is not null;

-- What each job's row was computed from: when one of these records changes, so does the row. Children stand here too,
-- so that a record that is gone still says which order it belonged to.
create table job_source (
    source     blob not null check (length(source) = 16),
    work_order blob not null check (length(work_order) = 16),
    primary key (source, work_order)
) strict, without rowid;
create index job_source_by_order on job_source (work_order);

-- The words of each job as people wrote them, for showing why it was found.
create table job_said (
    place        integer primary key references job (place) on delete cascade,
    number       text not null,
    customer     text not null,
    site         text not null,
    asset        text not null,
    problem      text not null,
    instructions text not null,
    report       text not null,
    parts        text not null,
    notes        text not null
) strict;

-- The same words as tokens of protocol/search.rs: that is where abbreviations and Chinese are understood.
create virtual table job_text using fts5 (
    number, customer, site, asset, problem, instructions, report, parts, notes,
    content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
);
create virtual table job_term using fts5vocab (job_text, row);

-- Parts used and not voided.
create table part_used (
    id             blob    primary key check (length(id) = 16),
    work_order     blob    not null check (length(work_order) = 16),
    technician     blob    not null,
    part           blob,                                            -- the catalogue's part, when it is one
    number         text    not null,
    name           text    not null,
    quantity_milli integer not null,
    unit           text    not null,
    at_ms          integer not null                                 -- recorded at, on the office's clock
) strict, without rowid;
create index part_used_by_order on part_used (work_order);
create index part_used_by_number on part_used (number, at_ms);
create index part_used_by_time on part_used (at_ms, id);

-- Customers, contacts, sites, assets, parts and technicians by name.
create table directory (
    place    integer primary key,                                   -- also the row in `directory_text`
    id       blob    not null unique check (length(id) = 16),
    kind     text    not null,
    name     text    not null,
    number   text    not null,                                      -- customer, part or serial number; '' for none
    customer blob,                                                  -- whose site, asset or contact
    site     blob                                                   -- where the asset stands
) strict;
create index directory_by_name on directory (kind, name collate nocase, id);
create index directory_by_customer on directory (customer, kind) where customer is not null;

create virtual table directory_text using fts5 (
    words,
    content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
);
create virtual table directory_term using fts5vocab (directory_text, row);

-- Which code computed the rows above: one number made of the version of these tables and that of the search tokens.
-- When it differs, everything is computed again at the next opening.
create table projection (
    version integer not null
) strict;
