#!/usr/bin/env bash
# Plays a job through the sample against a real office: play-sample.sh SAMPLE-FOLDER NATIVE-FOLDER
set -euo pipefail
work=$1 native=$2
server=$native/fieldsync-server
export FIELDSYNC_DATA=$work/office
fail() {
    echo "sample: $*" >&2
    cat "$work"/*.txt >&2
    exit 1
}
"$server" technician add 'Anna Berg' >/dev/null 2>&1
coproc OFFICE { exec "$server" serve --listen 127.0.0.1:0 2>"$work/office.txt"; }
office=$OFFICE_PID
trap 'kill "$office" 2>/dev/null || true' EXIT
read -r line <&"${OFFICE[0]}"
url=$(grep -o 'http://[0-9.:]*' <<<"$line") || fail "the office does not say where it listens"

cd "$work"
mvn --batch-mode --no-transfer-progress --quiet -Dkotlin.compiler.daemon=false compile \
    org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath -Dmdep.outputFile=classpath
app() { java -Djava.awt.headless=true -cp "target/classes:$(cat classpath)" sample.MainKt store; }
# The sample cannot make orders, so the device makes one as a technician on site would, with the other program.
"$native/technician" --dir store enrol "$url" "$("$server" enrol 'Anna Berg' --code-only)" >/dev/null
"$native/technician" --dir store open-order --new-customer 'Quarry North' --problem 'Bucket cylinder leaks' >/dev/null
printf '%s\n' day 'finish 1' 'start 1' 'report 1 seal worn' 'part 1 SK-40 1.5' 'finish 1' 'sign 1 Li Wei' sync day quit | app >said.txt
grep -q 'missing_report' said.txt || fail "finishing without a report was not refused"
grep -q 'signed by Li Wei, verified' said.txt || fail "no signature was verified"
"$native/technician" --dir store pending >pending.txt
echo "sample: a job was worked on, signed, verified and synced"
