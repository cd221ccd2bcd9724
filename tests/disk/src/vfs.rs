//! The VFS through which SQLite works on a disk: the C side of [`crate::state`], and nothing else.
//!
//! Unsafe, because SQLite calls functions with pointers. What makes it sound: SQLite passes a `sqlite3_file` only between
//! a successful `xOpen` and the end of `xClose`, and buffers as long as it says; the structures registered with it are
//! never freed; no function here unwinds.
#![expect(unsafe_code, reason = "a SQLite VFS is a table of C functions; this crate is used by tests only")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Arc, Weak};

use rusqlite::ffi;

use crate::fault::Call;
use crate::lock::{HandleId, Level, REGION_BYTES, Region};
use crate::names::Node;
use crate::process::{Inner, Process};
use crate::state::{Failure, State};

/// The longest path SQLite may build.
const PATH_MAX: c_int = 512;
/// The day on which every `now` in SQL falls, milliseconds of the Julian day.
const NOW: i64 = 212_600_000_000_000;

/// A VFS that SQLite knows until this is dropped.
pub(crate) struct Registered {
    name: String,
    vfs: *mut ffi::sqlite3_vfs,
}

// SAFETY: the pointer is only handed to SQLite's registry, which has a lock of its own.
unsafe impl Send for Registered {}
// SAFETY: as above.
unsafe impl Sync for Registered {}

impl Registered {
    /// Registers a VFS for a process that may not be there yet.
    pub(crate) fn new(process: Weak<Inner>) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("fieldsync-disk-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        // Both are leaked: a connection may ask its VFS for something as long as it is open. It is about 300 bytes.
        let c_name = CString::new(name.as_str()).unwrap_or_default().into_raw();
        let app_data: *mut Weak<Inner> = Box::into_raw(Box::new(process));
        let vfs = Box::into_raw(Box::new(ffi::sqlite3_vfs {
            iVersion: 2,
            szOsFile: size_of::<Handle>() as c_int,
            mxPathname: PATH_MAX,
            pNext: ptr::null_mut(),
            zName: c_name,
            pAppData: app_data.cast(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            xGetLastError: None,
            xCurrentTimeInt64: Some(current_time_int64),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        }));
        // SAFETY: the structure is whole and stays where it is.
        unsafe { ffi::sqlite3_vfs_register(vfs, 0) };
        Self { name, vfs }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // SAFETY: it was registered in `new`, and open connections keep using the structure, which is not freed.
        unsafe { ffi::sqlite3_vfs_unregister(self.vfs) };
    }
}

/// What SQLite takes for a file: its own head, then ours.
#[repr(C)]
struct Handle {
    head: ffi::sqlite3_file,
    file: *mut OpenFile,
}

/// An open file of a process.
struct OpenFile {
    process: Process,
    node: Node,
    id: HandleId,
    /// The shared memory whose address SQLite has: it lives until the file is closed, also when the process was killed.
    regions: Vec<Arc<Region>>,
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// The process behind a VFS; `None` when its owner let go of it.
///
/// # Safety
/// `vfs` is one that [`Registered::new`] made.
unsafe fn process(vfs: *mut ffi::sqlite3_vfs) -> Option<Process> {
    // SAFETY: `pAppData` was set to a leaked `Weak<Inner>`.
    let process = unsafe { &*(*vfs).pAppData.cast::<Weak<Inner>>() };
    process.upgrade().map(|inner| Process { inner })
}

/// The open file behind SQLite's.
///
/// # Safety
/// `file` was opened by [`open`] and is not closed; SQLite uses it from one thread at a time.
unsafe fn opened<'a>(file: *mut ffi::sqlite3_file) -> &'a mut OpenFile {
    // SAFETY: `open` put it there, `close` takes it away.
    unsafe { &mut *(*file.cast::<Handle>()).file }
}

/// A name SQLite passes.
///
/// # Safety
/// `name` is a C string.
unsafe fn text(name: *const c_char) -> String {
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
}

impl OpenFile {
    /// Works on the disk for a file that is open; it is not when the process was killed.
    fn run<T>(&self, work: impl FnOnce(&mut State, u64, Node) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut state = self.process.disk().state();
        if !state.holds(self.node, self.id) {
            return Err(Failure::Gone);
        }
        work(&mut state, self.process.inner.number, self.node)
    }
}

/// What SQLite is told about a failure of the kind of call that failed.
fn code(result: Result<(), Failure>, broken: c_int) -> c_int {
    match result {
        Ok(()) => ffi::SQLITE_OK,
        Err(Failure::Full) => ffi::SQLITE_FULL,
        Err(_) => broken,
    }
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes `szOsFile` bytes; without methods it never calls `close`.
    unsafe { (*file).pMethods = ptr::null() };
    // SAFETY: SQLite passes the VFS it was given.
    let Some(process) = (unsafe { process(vfs) }) else { return ffi::SQLITE_CANTOPEN };
    // SAFETY: a name is a C string.
    let name = (!name.is_null()).then(|| unsafe { text(name) });
    let is_made = flags & ffi::SQLITE_OPEN_CREATE != 0;
    let result = process.disk().state().open(process.inner.number, name.as_deref(), is_made);
    let (node, id) = match result {
        Ok(opened) => opened,
        Err(Failure::Full) => return ffi::SQLITE_FULL,
        Err(_) => return ffi::SQLITE_CANTOPEN,
    };
    let opened = Box::new(OpenFile { process, node, id, regions: Vec::new() });
    // SAFETY: SQLite passes `szOsFile` bytes, which is a `Handle`, and a place for flags or null.
    unsafe {
        (*file.cast::<Handle>()).file = Box::into_raw(opened);
        (*file).pMethods = &raw const METHODS;
        if !out_flags.is_null() {
            *out_flags = flags;
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: `open` made it with `Box::into_raw`, and SQLite closes once.
    let opened = unsafe { Box::from_raw((*file.cast::<Handle>()).file) };
    opened.process.disk().state().close(opened.node, opened.id);
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, into: *mut c_void, amount: c_int, offset: i64) -> c_int {
    // SAFETY: SQLite passes an open file and `amount` bytes.
    let (opened, into) =
        unsafe { (opened(file), std::slice::from_raw_parts_mut(into.cast::<u8>(), amount.max(0) as usize)) };
    match opened.run(|state, me, node| state.read(me, node, offset as usize, into)) {
        Ok(length) if length == into.len() => ffi::SQLITE_OK,
        Ok(length) => {
            // SQLite asks for zeros where a file has ended.
            into[length..].fill(0);
            ffi::SQLITE_IOERR_SHORT_READ
        }
        Err(_) => ffi::SQLITE_IOERR_READ,
    }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, from: *const c_void, amount: c_int, offset: i64) -> c_int {
    // SAFETY: SQLite passes an open file and `amount` bytes.
    let (opened, from) =
        unsafe { (opened(file), std::slice::from_raw_parts(from.cast::<u8>(), amount.max(0) as usize)) };
    code(opened.run(|state, me, node| state.write(me, node, offset as usize, from)), ffi::SQLITE_IOERR_WRITE)
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    // SAFETY: SQLite passes an open file.
    let opened = unsafe { opened(file) };
    code(opened.run(|state, me, node| state.set_len(me, node, size as usize)), ffi::SQLITE_IOERR_TRUNCATE)
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    let opened = unsafe { opened(file) };
    code(opened.run(|state, me, node| state.sync(me, node)), ffi::SQLITE_IOERR_FSYNC)
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, size: *mut i64) -> c_int {
    // SAFETY: SQLite passes an open file.
    let opened = unsafe { opened(file) };
    let result = opened.run(|state, me, node| {
        state.begin(me, Call::Look)?;
        Ok(state.file(node)?.current.len())
    });
    match result {
        Ok(length) => {
            // SAFETY: SQLite passes a place for the size.
            unsafe { *size = length as i64 };
            ffi::SQLITE_OK
        }
        Err(_) => ffi::SQLITE_IOERR_FSTAT,
    }
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    let opened = unsafe { opened(file) };
    let id = opened.id;
    let result = opened.run(|state, me, node| {
        state.begin(me, Call::Lock)?;
        Ok(state.opened.get_mut(&node).is_some_and(|locks| locks.lock(id, level as Level)))
    });
    busy(result, ffi::SQLITE_IOERR_LOCK)
}

fn busy(result: Result<bool, Failure>, broken: c_int) -> c_int {
    match result {
        Ok(true) => ffi::SQLITE_OK,
        Ok(false) => ffi::SQLITE_BUSY,
        Err(_) => broken,
    }
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    let opened = unsafe { opened(file) };
    if let Some(locks) = opened.process.disk().state().opened.get_mut(&opened.node) {
        locks.unlock(opened.id, level as Level);
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    let opened = unsafe { opened(file) };
    let result = opened.run(|state, me, node| {
        state.begin(me, Call::Lock)?;
        Ok(state.opened.get(&node).is_some_and(crate::lock::Opened::is_reserved))
    });
    match result {
        Ok(is_reserved) => {
            // SAFETY: SQLite passes a place for the answer.
            unsafe { *out = c_int::from(is_reserved) };
            ffi::SQLITE_OK
        }
        Err(_) => ffi::SQLITE_IOERR_CHECKRESERVEDLOCK,
    }
}

unsafe extern "C" fn file_control(_file: *mut ffi::sqlite3_file, _op: c_int, _arg: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_file: *mut ffi::sqlite3_file) -> c_int {
    4_096 // as SQLite assumes on every Unix
}

unsafe extern "C" fn device_characteristics(_file: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE // as SQLite assumes on every Unix: a torn write harms nothing beside itself
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    number: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: SQLite passes an open file and a place for the address.
    let (opened, out) = unsafe { (opened(file), &mut *out) };
    *out = ptr::null_mut();
    if size as usize != REGION_BYTES {
        return ffi::SQLITE_IOERR_SHMMAP;
    }
    let id = opened.id;
    let result = opened.run(|state, me, node| {
        state.begin(me, Call::Map)?;
        Ok(state.opened.get_mut(&node).and_then(|locks| locks.map(id, number as usize, extend != 0)))
    });
    match result {
        Ok(Some(region)) => {
            *out = region.pointer().cast();
            opened.regions.push(region);
            ffi::SQLITE_OK
        }
        Ok(None) => ffi::SQLITE_OK,
        Err(Failure::Full) => ffi::SQLITE_FULL,
        Err(_) => ffi::SQLITE_IOERR_SHMMAP,
    }
}

unsafe extern "C" fn shm_lock(file: *mut ffi::sqlite3_file, offset: c_int, count: c_int, flags: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    let opened = unsafe { opened(file) };
    let (id, mask) = (opened.id, (((1_u16 << count) - 1) << offset) as u8);
    if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
        if let Some(locks) = opened.process.disk().state().opened.get_mut(&opened.node) {
            locks.unlock_memory(id, mask);
        }
        return ffi::SQLITE_OK;
    }
    let result = opened.run(|state, me, node| {
        state.begin(me, Call::Lock)?;
        let is_exclusive = flags & ffi::SQLITE_SHM_EXCLUSIVE != 0;
        Ok(state.opened.get_mut(&node).is_some_and(|locks| locks.lock_memory(id, mask, is_exclusive)))
    });
    busy(result, ffi::SQLITE_IOERR_SHMLOCK)
}

unsafe extern "C" fn shm_barrier(_file: *mut ffi::sqlite3_file) {
    fence(Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, _delete: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    let opened = unsafe { opened(file) };
    if let Some(locks) = opened.process.disk().state().opened.get_mut(&opened.node) {
        locks.unmap(opened.id);
    }
    opened.regions.clear();
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_dir: c_int) -> c_int {
    // SAFETY: SQLite passes the VFS it was given, and a C string.
    let (Some(process), name) = (unsafe { (process(vfs), text(name)) }) else { return ffi::SQLITE_IOERR_DELETE };
    let me = process.inner.number;
    let mut state = process.disk().state();
    let result = state.delete(me, &name).and_then(|()| if sync_dir != 0 { state.sync_names(me) } else { Ok(()) });
    match result {
        Err(Failure::Missing) => ffi::SQLITE_IOERR_DELETE_NOENT,
        result => code(result, ffi::SQLITE_IOERR_DELETE),
    }
}

unsafe extern "C" fn access(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, flags: c_int, out: *mut c_int) -> c_int {
    // SAFETY: SQLite passes the VFS it was given, and a C string.
    let (Some(process), name) = (unsafe { (process(vfs), text(name)) }) else { return ffi::SQLITE_IOERR_ACCESS };
    match process.disk().state().len(process.inner.number, &name) {
        Ok(length) => {
            // As on every Unix, an empty file does not count as one that exists.
            let is_there = if flags == ffi::SQLITE_ACCESS_EXISTS { length > Some(0) } else { length.is_some() };
            // SAFETY: SQLite passes a place for the answer.
            unsafe { *out = c_int::from(is_there) };
            ffi::SQLITE_OK
        }
        Err(_) => ffi::SQLITE_IOERR_ACCESS,
    }
}

unsafe extern "C" fn full_pathname(
    _vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    size: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite passes a C string.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes_with_nul();
    if name.len() > size.max(0) as usize {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: SQLite passes `size` bytes, and they do not overlap the name.
    unsafe { ptr::copy_nonoverlapping(name.as_ptr().cast::<c_char>(), out, name.len()) };
    ffi::SQLITE_OK
}

/// Nothing random comes from here: SQLite draws its own from the system's VFS, and no outcome depends on it.
unsafe extern "C" fn randomness(_vfs: *mut ffi::sqlite3_vfs, count: c_int, out: *mut c_char) -> c_int {
    // SAFETY: SQLite passes `count` bytes.
    unsafe { ptr::write_bytes(out, 7, count.max(0) as usize) };
    count
}

/// Time does not pass here; another thread may get on.
unsafe extern "C" fn sleep(vfs: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
    // SAFETY: SQLite passes the VFS it was given.
    if let Some(process) = unsafe { process(vfs) } {
        process.disk().state().slept_us += microseconds.max(0) as u64;
    }
    std::thread::yield_now();
    microseconds
}

unsafe extern "C" fn current_time(_vfs: *mut ffi::sqlite3_vfs, out: *mut f64) -> c_int {
    // SAFETY: SQLite passes a place for the time.
    unsafe { *out = NOW as f64 / 86_400_000.0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn current_time_int64(_vfs: *mut ffi::sqlite3_vfs, out: *mut i64) -> c_int {
    // SAFETY: SQLite passes a place for the time.
    unsafe { *out = NOW };
    ffi::SQLITE_OK
}
