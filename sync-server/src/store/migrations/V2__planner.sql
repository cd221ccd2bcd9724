-- Tells the query planner what it cannot know: a tenant is nearly the whole table, and what follows it in an index is
-- little. Without these figures it takes the tenant alone for selective enough and walks everything the tenant has, for
-- every edit: the cost of accepting one grew with the length of history.
--
-- Each row: an index, rows in the table, then the rows that share the first column, the first two, and so on.
analyze sqlite_schema;
insert into sqlite_stat1 (tbl, idx, stat) values
    ('record',       'record',           '1000000 1000000 1'),
    ('record',       'record_below',     '1000000 1000000 20'),
    ('record',       'record_kind',      '1000000 1000000 50000'),
    ('reference',    'reference',        '1000000 1000000 10 1'),
    ('reference',    'reference_order',  '1000000 1000000 4'),
    ('history',      'history',          '1000000 1000000 1'),
    ('history',      'history_dot',      '1000000 1000000 4 2 1'),
    ('scope',        'scope',            '1000000 1000000 10000 1'),
    ('scope',        'scope_changed',    '1000000 1000000 10000 1'),
    ('scope',        'scope_record',     '1000000 1000000 2'),
    ('scope_reason', 'scope_reason',     '1000000 1000000 10000 2 1'),
    ('scope_reason', 'scope_reason_via', '1000000 1000000 20 10'),
    ('held',         'held',             '10000 10000 1'),
    ('held',         'held_edit',        '10000 10000 2 2 1'),
    ('held',         'held_order',       '10000 10000 5'),
    ('job',          'job',              '80000 80000 1'),
    ('job',          'job_status',       '80000 80000 10000 2'),
    ('job',          'job_changed',      '80000 80000 2'),
    ('job',          'job_row',          '80000 1'),
    ('job_technician', 'job_technician',       '100000 100000 1000 1'),
    ('job_technician', 'job_technician_order', '100000 100000 2');
-- Reads the figures into the connection that is open now.
analyze sqlite_schema;
