-- The office's tables. Every key starts with the tenant, so that the same shape serves several tenants and, later,
-- several instances on a distributed database. Ids are 16-byte blobs, instants milliseconds since 1970 UTC.

create table tenant (
    tenant      integer not null primary key,
    name        text    not null,
    epoch       integer not null,               -- changes when the office forgot something: a restore
    sequence    integer not null default 0,     -- last place in history; visibility order equals sequence order
    chain       blob    not null,               -- chain hash at that place
    next_number integer not null default 1,     -- next human work-order number
    anchors     text    not null default ''     -- values of the anchor file outside the database that are acceptable
) strict;

-- One row per record: the merged record, and at which place in history each group last changed.
create table record (
    tenant      integer not null,
    id          blob    not null check (length(id) = 16),
    kind        text    not null,
    work_order  blob,                           -- the order it hangs below, from the shown main group
    body        blob    not null,               -- deterministic CBOR of the record
    check_hash  blob    not null check (length(check_hash) = 32),
    changed     blob    not null,               -- CBOR map: group -> sequence of its last change
    sequence    integer not null,               -- sequence of the last change of any group
    primary key (tenant, id)
) strict, without rowid;
create index record_below on record (tenant, work_order) where work_order is not null;
create index record_kind on record (tenant, kind);

-- Which orders refer to a customer, site, asset or contact.
create table reference (
    tenant     integer not null,
    target     blob    not null,
    work_order blob    not null,
    primary key (tenant, target, work_order)
) strict, without rowid;
create index reference_order on reference (tenant, work_order);

-- Every accepted edit, append-only and hash-chained. The chain covers the hash of the content, not the content, so an
-- erased content leaves a chain that still verifies.
create table history (
    tenant      integer not null,
    sequence    integer not null,
    action      text    not null check (action in ('accepted', 'refilled', 'released')),
    kind        text    not null,
    record      blob    not null,
    group_name  text    not null,
    replica     blob    not null check (length(replica) = 16),
    counter     integer not null,
    content     blob,                           -- CBOR of the edit; null once erased
    content_hash blob   not null check (length(content_hash) = 32),
    meaning     blob    not null check (length(meaning) = 32),
    person      blob    not null,
    device      blob,                           -- null: the office
    happened_ms integer not null,
    arrived_ms  integer not null,
    replaced    blob    not null,               -- CBOR list of the dots this edit replaced
    chain       blob    not null check (length(chain) = 32),
    primary key (tenant, sequence)
) strict, without rowid;
-- Not unique: a refill that only grows a version repeats the dot of what lives.
create index history_dot on history (tenant, record, replica, counter);

-- Who may see what: a row per audience and record, found by what changed after a cursor.
create table scope (
    tenant     integer not null,
    audience   blob    not null,                -- a technician's id, or 16 zero bytes for what everybody sees
    record     blob    not null,
    entered    integer not null,                -- sequence at which it came into scope
    changed    integer not null,                -- sequence of its last change, or of its leaving
    has_left   integer not null default 0 check (has_left in (0, 1)),
    check_hash blob    not null,                -- the record's check, as counted in the audience's sum
    primary key (tenant, audience, record)
) strict, without rowid;
create index scope_changed on scope (tenant, audience, changed);
create index scope_record on scope (tenant, record);

-- Why a record is in scope: once per order that leads to it.
create table scope_reason (
    tenant   integer not null,
    audience blob    not null,
    record   blob    not null,
    via      blob    not null,
    primary key (tenant, audience, record, via)
) strict, without rowid;
create index scope_reason_via on scope_reason (tenant, via, audience);

create table audience (
    tenant   integer not null,
    audience blob    not null,
    sum      blob    not null check (length(sum) = 32),
    members  integer not null,
    rights   integer not null default 0,        -- grows with every entering and leaving
    primary key (tenant, audience)
) strict, without rowid;

create table device (
    tenant       integer not null,
    id           blob    not null,
    person       blob    not null,
    name         text    not null,
    public_key   blob    not null check (length(public_key) = 32),
    enrolled_ms  integer not null,
    contact_ms   integer,
    position     integer not null default 0,    -- the highest cursor position presented
    offset_ms    integer,                       -- office clock minus device clock at last contact
    pending      integer not null default 0,
    refused      integer not null default 0,
    blobs        integer not null default 0,
    table_version integer not null default 0,
    revoked_ms   integer,
    primary key (tenant, id)
) strict, without rowid;

create table replica (
    tenant  integer not null,
    id      blob    not null check (length(id) = 16),
    device  blob    not null,
    epoch   integer not null,
    serial  integer not null default 0,
    push_id blob,                               -- the last push accepted
    primary key (tenant, id)
) strict, without rowid;

create table enrol_code (
    tenant     integer not null,
    code_hash  blob    not null,                -- only the hash is stored
    person     blob    not null,
    expires_ms integer not null,
    used_ms    integer,
    used_by    blob,                            -- the key enrolled with it: asking again after a lost answer is safe
    primary key (tenant, code_hash)
) strict, without rowid;

-- Edits kept aside, applied to nothing, until a person decides.
create table held (
    tenant     integer not null,
    id         blob    not null,
    kind       text    not null,
    record     blob    not null,
    work_order blob,                            -- the order it belongs to, when known
    edit       blob    not null,                -- CBOR of the edit with its original context
    person     blob    not null,
    device     blob    not null,
    code       text    not null,
    arrived_ms integer not null,
    decision   text check (decision in ('released', 'discarded')),
    decided_by blob,
    decided_ms integer,
    primary key (tenant, id)
) strict, without rowid;
create unique index held_edit on held (tenant, record, device, edit);
create index held_order on held (tenant, work_order) where decision is null;

-- What was refused, for the dispatcher to see; the device keeps the content.
create table refused (
    tenant     integer not null,
    record     blob    not null,
    replica    blob    not null,
    counter    integer not null,
    kind       text    not null,
    group_name text    not null,
    code       text    not null,
    person     blob    not null,
    device     blob    not null,
    at_ms      integer not null,
    primary key (tenant, record, replica, counter)
) strict, without rowid;

create table blob (
    tenant    integer not null,
    hash      blob    not null check (length(hash) = 32),
    size      integer not null,
    stored_ms integer not null,
    primary key (tenant, hash)
) strict, without rowid;

create table user (
    tenant   integer not null,
    id       blob    not null,
    login    text    not null,
    name     text    not null,
    role     text    not null,
    password text    not null,                  -- Argon2id, with its own salt
    active   integer not null default 1,
    primary key (tenant, id)
) strict, without rowid;
create unique index user_login on user (tenant, login);

create table session (
    tenant     integer not null,
    id_hash    blob    not null,                -- only the hash is stored
    user       blob    not null,
    created_ms integer not null,
    seen_ms    integer not null,
    primary key (tenant, id_hash)
) strict, without rowid;

-- The board: one row per work order, recomputed from records whenever something below it changes.
create table job (
    tenant      integer not null,
    id          blob    not null,
    number      text    not null,
    status      text    not null,
    priority    integer not null,               -- place in the list of priorities; 9 without one
    due_ms      integer,
    planned_ms  integer,                        -- earliest planned start of a live assignment
    customer    text    not null,
    site        text    not null,
    asset       text    not null,
    problem     text    not null,
    technicians text    not null,               -- names, for people
    requested_ms integer,
    changed_ms  integer not null,
    conflicts   integer not null,               -- groups in which a person must decide, below included
    proposals   integer not null,               -- undecided ones
    differs     integer not null,               -- whether what was signed differs from now
    missing_blobs integer not null,
    held        integer not null,
    is_late     integer not null,               -- work arrived from somebody who had lost the job, or after cancelling
    row         integer not null,               -- key in job_text
    primary key (tenant, id)
) strict, without rowid;
create index job_status on job (tenant, status, changed_ms);
create index job_changed on job (tenant, changed_ms);
create index job_row on job (row);
create table job_technician (
    tenant     integer not null,
    technician blob    not null,
    work_order blob    not null,
    primary key (tenant, technician, work_order)
) strict, without rowid;
create index job_technician_order on job_technician (tenant, work_order);
create virtual table job_text using fts5 (tokens, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2');
