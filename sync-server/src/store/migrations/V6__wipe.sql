-- A device may be asked to destroy what it holds, after handing over what only it has.
alter table device add column wipe_ms integer;      -- when the office asked
alter table device add column wiped_ms integer;     -- when the device said that it does so
