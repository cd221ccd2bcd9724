//! What the office counts: requests, edits, bytes, streams. Labels are routes and outcomes, never people, devices or
//! ids.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Bounds of the histogram of request times, seconds.
const SECONDS: [f64; 9] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// Starts counting, once per process, and returns what renders the counts. When something else in the process counts
/// already, this one stays empty.
pub fn recorder() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(install).clone()
}

fn install() -> PrometheusHandle {
    let builder = PrometheusBuilder::new().set_buckets(&SECONDS).expect("the list of bounds is not empty");
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::warn!("failed to start counting: something else in this process counts already");
    }
    describe();
    handle
}

fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_counter!("fieldsync_requests_total", "Requests answered, by method, route and status.");
    describe_histogram!("fieldsync_request_seconds", "Time to answer, by method and route.");
    describe_counter!("fieldsync_unauthenticated_total", "Requests without a valid signature, by reason.");
    describe_counter!("fieldsync_enrolments_total", "Enrolment codes tried, by outcome.");
    describe_counter!("fieldsync_exchange_bytes_total", "Bytes of exchanges on the wire, by direction.");
    describe_counter!("fieldsync_pushed_records_total", "Records pushed by devices, by outcome.");
    describe_counter!("fieldsync_delivered_records_total", "Records delivered to devices.");
    describe_counter!(
        "fieldsync_whole_records_total",
        "Records devices asked for whole, because what they hold differs."
    );
    describe_counter!("fieldsync_ranges_compared_total", "Ranges compared with devices to find a difference.");
    describe_counter!(
        "fieldsync_index_repaired_total",
        "Times an audience's index or sum was wrong and counted again."
    );
    describe_counter!("fieldsync_replicas_renewed_total", "Times a store was told to take a new replica id.");
    describe_counter!("fieldsync_blob_bytes_total", "Bytes of photos and files, by direction.");
    describe_gauge!("fieldsync_event_streams", "Event streams open.");
    describe_gauge!("fieldsync_history_entries", "Entries of the history log.");
    describe_gauge!("fieldsync_held_edits", "Edits that wait for a person.");
    describe_gauge!("fieldsync_devices", "Devices enrolled and not revoked.");
}
