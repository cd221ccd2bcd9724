//! Two processes on one folder: an app and its background task. The second is told, and comes in as soon as the first has
//! gone, however it went.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use fieldsync::{Config, Device, Error};

/// Set in the child: the folder that it holds.
const FOLDER: &str = "FIELDSYNC_TEST_FOLDER";

/// Not a test of its own: what the child process does. Without the variable it has nothing to do.
#[test]
fn the_other_process_holds_the_store() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let _device = Device::open(Config::new(folder)).expect("the child is the first");
    println!("holding");
    // Until it is killed, or its parent is gone.
    let _ = std::io::stdin().read_line(&mut String::new());
}

fn child(folder: &std::path::Path) -> Child {
    let mut child = Command::new(std::env::current_exe().expect("a test knows its file"))
        .args(["--exact", "the_other_process_holds_the_store", "--nocapture"])
        .env(FOLDER, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child starts");
    let lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
    let mut lines = lines.map(|line| line.expect("it writes text"));
    assert!(lines.any(|line| line.contains("holding")), "the child opens the store");
    child
}

#[test]
fn a_second_process_is_refused_and_comes_in_after_the_first_was_killed() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for _ in 0..3 {
        let mut first = child(folder.path());
        let refused = Device::open(Config::new(folder.path())).expect_err("the child holds it");
        assert!(matches!(refused, Error::InUse), "{refused:?}");
        assert_eq!(refused.code(), "in_use");

        first.kill().expect("it can be killed");
        first.wait().expect("it ends");

        Device::open(Config::new(folder.path())).expect("a killed process holds nothing").close();
    }
}

#[test]
fn one_process_opens_a_store_once() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let device = Device::open(Config::new(folder.path())).expect("it opens");
    assert!(matches!(Device::open(Config::new(folder.path())), Err(Error::InUse)));
    device.close();
    Device::open(Config::new(folder.path())).expect("it is free again");
}
