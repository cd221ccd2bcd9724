//! Plays random working days against the shipped engine and server; see [`fieldsync_tests::simulate`].

fn main() -> std::process::ExitCode {
    fieldsync_tests::simulate::command::main()
}
