#!/usr/bin/env bash
# Builds the Kotlin packages from nothing and runs everything that is asked of them. `./build.sh --help` tells more.
set -euo pipefail
HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd) && cd -- "$HERE"
ROOT=$(cd ../.. && pwd)
OUT=$HERE/target
PROFILE=debug
CARGO_OUT=${CARGO_TARGET_DIR:-$ROOT/target}
# Without a locale, as on a Debian that has none yet, Java hands other programs question marks for 北 and 🦀.
export LC_ALL=C.UTF-8
PARTS=(library jvm sample android shrink aar api site style)

usage() {
    cat <<'HELP'
Usage: bindings/kotlin/build.sh [PART...]

Needs Rust, a C compiler, JDK 17 and Maven; for Android also aapt2 (Debian: aapt). Without names it runs every part up
to `style`.

  library     the engine, a server to test against, and the generated half of the bridge, into target/
  jvm         the JVM package and its tests against the real server
  sample      the sample plays a job through, from a folder of its own
  android     the Android package: real framework classes of API 26 and 35, API level, Robolectric on SDK 26, 34 and 35
  shrink      the consumer rules: R8 shrinks a program, it runs; without any of the rules it does not; dex by D8 and R8
  aar         the AAR, made twice, byte for byte the same
  api         the public Kotlin API against api.txt; BLESS=1 writes api.txt anew
  site        the KDoc site, into target/site
  style       ktlint on what is written by hand

  install     a release build of the JVM package into the local Maven repository, for docs/INTEGRATING.md
  bench       the figures of docs/PERFORMANCE.md that are measured from Kotlin; for ./check figures
HELP
}

say() { printf '\n== kotlin: %s\n' "$*"; }
fail() {
    echo "kotlin: $*" >&2
    exit 1
}

# Runs Maven on some of the modules: maven MODULES GOAL...
maven() {
    local modules=$1
    shift
    mvn --quiet --projects "$modules" "$@"
}

# The classpath of what a tool's pom names: tool NAME
tool() {
    local list=$OUT/tools/$1.classpath
    if [ ! -s "$list" ]; then
        mkdir -p "$OUT/tools"
        mvn --quiet --file "tools/$1.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath \
            "-Dmdep.outputFile=$list" >&2
    fi
    cat "$list"
}

# One artifact from the Maven repository into a folder: fetch GROUP:ARTIFACT:VERSION FOLDER
fetch() {
    local name=${1#*:}
    [ -s "$2/${name/:/-}.jar" ] || mvn --quiet org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
        "-Dartifact=$1" "-DoutputDirectory=$2"
}

# The engine and the generated half of the bridge.
engine() {
    # Test hooks are exports that panic on purpose; no library that is shipped has them.
    local flags=(--features bindgen,test-hooks)
    [ "$PROFILE" = debug ] || flags=(--features bindgen --profile "$PROFILE")
    (cd "$ROOT" && cargo build --locked -p fieldsync-ffi "${flags[@]}")
    local built=$CARGO_OUT/$PROFILE flavour
    # Generated from the library as it was built: a stripped one says nothing about itself.
    rm -rf "$OUT/generated"
    for flavour in jvm android; do
        (cd "$ROOT" && "$built/uniffi-bindgen" generate "$built/libfieldsync_ffi.so" --language kotlin --no-format \
            --config "$HERE/$flavour.toml" --out-dir "$OUT/generated/$flavour")
    done
    mkdir -p "$OUT/native"
    strip --strip-all -o "$OUT/native/libfieldsync_ffi.so" "$built/libfieldsync_ffi.so"
}

part_library() {
    engine
    # A server to sync with, and a program that writes the same stores.
    (cd "$ROOT" && cargo build --locked -p fieldsync-server --bin fieldsync-server)
    (cd "$ROOT" && cargo build --locked -p fieldsync --example technician)
    cp "$CARGO_OUT/debug/fieldsync-server" "$CARGO_OUT/debug/examples/technician" "$OUT/native/"
}

# Every @Test must have run: JUnit is silent about one it does not take for a test, Surefire about a class of another
# name. counted MODULE TIMES
counted() {
    local want ran
    want=$(($(grep -rhE '^\s*@Test\b' "$1/src/test/kotlin" | wc -l) * $2))
    ran=$(cat "$1"/target/surefire-reports/TEST-*.xml | grep -o '<testcase ' | wc -l)
    [ "$ran" = "$want" ] || fail "$1: $want tests are written, $ran ran"
    echo "Tests run: $ran, Failures: 0, Errors: 0, Skipped: 0 ($1)"
}

part_jvm() {
    # The compiler leaves the classes of files that are gone, and Surefire would run their tests.
    rm -rf jvm/target/surefire-reports jvm/target/classes jvm/target/test-classes
    # Installed, because the other modules and the sample take it from the Maven repository as an app does. The part
    # `install` puts a release build in its place.
    maven .,jvm install
    counted jvm 1
}

part_sample() {
    # As an app would: the sample's folder alone, and the package from the Maven repository.
    local work
    work=$(mktemp -d)
    cp -r sample/pom.xml sample/src "$work/"
    tools/play-sample.sh "$work" "$OUT/native"
    rm -rf "$work"
}

# What Maven resolves and puts on no classpath: the classes of AARs, and the resources WorkManager asks for.
aars() {
    local to=$OUT/aars from
    [ -s "$to/app.ap_" ] && return
    rm -rf "$to" && mkdir -p "$to/in" "$to/classes" "$to/assets" "$to/java"
    mvn --quiet --file tools/aars.xml org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DincludeTypes=aar "-DoutputDirectory=$to/in"
    for from in "$to"/in/*.aar; do
        unzip -qo "$from" classes.jar -d "$to"
        (cd "$to/classes" && unzip -qo ../classes.jar)
    done
    unzip -qo "$to"/in/work-runtime-*.aar 'res/*' -d "$to/work"
    aapt2 compile --dir "$to/work/res" -o "$to/work.flata"
    # Linked against 14: aapt2 as Debian has it cannot read the resource table of 15.
    aapt2 link -I "$OUT/frameworks/android-all-instrumented-14-robolectric-10818077-i7.jar" \
        --manifest tools/work/AndroidManifest.xml --java "$to/java" --extra-packages androidx.work \
        --output-text-symbols "$to/R.txt" --auto-add-overlay -o "$to/app.ap_" -R "$to/work.flata" 2>/dev/null
    javac --release 11 -d "$to/classes" "$to/java/androidx/work/R.java"
    jar --create --no-manifest --file "$to/aars.jar" -C "$to/classes" .
}

part_android() {
    command -v aapt2 >/dev/null || fail "needs aapt2 (Debian: apt-get install aapt)"
    local version
    for version in 8.0.0_r4-robolectric-r1-i7 14-robolectric-10818077-i7 15-robolectric-13954326-i7; do
        fetch "org.robolectric:android-all-instrumented:$version" "$OUT/frameworks"
    done
    aars
    rm -rf robolectric/target/surefire-reports {android,api26,robolectric}/target/{classes,test-classes}
    maven android,api26,robolectric package
    counted robolectric 3
}

r8() { java -cp "$(tool r8)" com.android.tools.r8."$@"; }

# What is shrunk together with the library.
runtime() {
    local list=$OUT/tools/runtime.classpath
    [ -s "$list" ] || maven smoke org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath \
        -DincludeScope=runtime -DexcludeGroupIds=com.fieldsync "-Dmdep.outputFile=$list" >&2
    tr ':' '\n' <"$list"
}

# Shrinks the smoke program with the rules in a file and runs it: shrunk_runs RULES
shrunk_runs() {
    local to=$OUT/shrink
    printf -- '-keep class SmokeKt { public static void main(java.lang.String[]); }\n' >"$to/app.pro"
    r8 R8 --classfile --release --lib "${JAVA_HOME:-$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")}" \
        --output "$to/min.jar" --pg-conf "$to/app.pro" --pg-conf "$1" \
        smoke/target/fieldsync-smoke-0.1.0.jar jvm/target/fieldsync-0.1.0.jar $(runtime) >"$to/r8.log" 2>&1 || return
    rm -rf "$to/store"
    java "-Djna.library.path=$OUT/native" -cp "$to/min.jar" SmokeKt "$to/store" >"$to/run.log" 2>&1 && grep -q 'SMOKE OK' "$to/run.log"
}

part_shrink() {
    local rule number jdk
    mkdir -p "$OUT/shrink"
    maven smoke package
    shrunk_runs aar/proguard.txt || fail "the shrunk program does not run: $(cat "$OUT/shrink/run.log" "$OUT/shrink/r8.log" | head -20)"
    echo "kotlin: shrunk with the rules it runs"
    for number in $(grep -n '^-keep' aar/proguard.txt | cut -d: -f1); do
        sed "${number}d" aar/proguard.txt >"$OUT/shrink/less.pro"
        rule=$(sed -n "${number}p" aar/proguard.txt)
        ! shrunk_runs "$OUT/shrink/less.pro" || fail "it runs without this rule, so the rule is not needed: $rule"
        echo "kotlin: without '$rule' it does not"
    done
    # Dex, which cannot be run here: D8 takes everything, R8 with the rules misses nothing but what they say.
    local framework classes=android/target/fieldsync-android-classes-0.1.0.jar
    [ -s "$classes" ] || maven android package
    fetch org.robolectric:android-all:15-robolectric-13954326 "$OUT/frameworks"
    framework=$OUT/frameworks/android-all-15-robolectric-13954326.jar
    jdk=${JAVA_HOME:-$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")}
    if [ ! -s "$OUT/shrink/base.jar" ]; then
        # The JDK's java.base and java.logging stand for the parts of Android that are not in the framework's jar.
        (cd "$OUT/shrink" && rm -rf jb && jmod extract --dir jb/java.base "$jdk/jmods/java.base.jmod" \
            && jmod extract --dir jb/java.logging "$jdk/jmods/java.logging.jmod" \
            && jar --create --file base.jar -C jb/java.base/classes . -C jb/java.logging/classes . && rm -rf jb)
    fi
    rm -rf "$OUT/shrink/d8" "$OUT/shrink/dex" && mkdir -p "$OUT/shrink/d8" "$OUT/shrink/dex"
    r8 D8 --release --min-api 26 --lib "$framework" --output "$OUT/shrink/d8" "$classes" $(runtime) "$(annotation)"
    printf -- '-keep class com.fieldsync.SyncingKt { *; }\n' >"$OUT/shrink/dex.pro"
    r8 R8 --release --min-api 26 --lib "$framework" --lib "$OUT/shrink/base.jar" --output "$OUT/shrink/dex" \
        --pg-conf "$OUT/shrink/dex.pro" --pg-conf aar/proguard.txt "$classes" $(runtime) "$(annotation)" >"$OUT/shrink/dex.log" 2>&1 \
        || fail "$(cat "$OUT/shrink/dex.log")"
    echo "kotlin: dex $(stat -c %s "$OUT"/shrink/d8/classes.dex) bytes by D8, $(stat -c %s "$OUT"/shrink/dex/classes.dex) by R8"
}

annotation() {
    fetch androidx.annotation:annotation-jvm:1.9.1 "$OUT/frameworks" >&2
    echo "$OUT/frameworks/annotation-jvm-1.9.1.jar"
}

part_aar() {
    [ -d android/target/classes/com ] || maven android package
    tools/pack-aar.sh "$OUT/fieldsync.aar"
    tools/pack-aar.sh "$OUT/again.aar"
    cmp "$OUT/fieldsync.aar" "$OUT/again.aar" || fail "the same AAR twice is not the same"
    rm "$OUT/again.aar"
    if command -v aapt2 >/dev/null; then
        fetch org.robolectric:android-all-instrumented:14-robolectric-10818077-i7 "$OUT/frameworks"
        local resources=$OUT/aar.flata
        aapt2 compile --dir aar/res -o "$resources"
        aapt2 link -I "$OUT/frameworks/android-all-instrumented-14-robolectric-10818077-i7.jar" \
            --manifest aar/AndroidManifest.xml -o "$OUT/aar.ap_" -R "$resources" --auto-add-overlay 2>/dev/null \
            || fail "the AAR's manifest or resources do not link"
        rm -f "$resources" "$OUT/aar.ap_"
    fi
    unzip -l "$OUT/fieldsync.aar" | tail -n +4
}

part_api() {
    [ -s jvm/target/fieldsync-0.1.0.jar ] || maven jvm package -DskipTests
    java -cp "$(tool api)" tools/ApiDump.java jvm/target/fieldsync-0.1.0.jar | grep -v panicForTest >"$OUT/api.txt"
    if [ "${BLESS:-}" = 1 ]; then cp "$OUT/api.txt" api.txt; fi
    diff -u api.txt "$OUT/api.txt" || fail "the public API is another one: look at it, then BLESS=1 bindings/kotlin/build.sh api"
    echo "kotlin: the public API is what api.txt says, $(grep -c . api.txt) lines"
}

part_style() {
    java -cp "$(tool ktlint)" com.pinterest.ktlint.Main --relative '*/src/**/*.kt' 'harness/*.kt'
}

part_install() {
    PROFILE=release engine
    # The tests do not even compile: they call the hooks, which this library is without.
    maven .,jvm install -Dmaven.test.skip=true
}

part_site() {
    rm -rf "$OUT/site"
    maven jvm org.jetbrains.dokka:dokka-maven-plugin:2.1.0:dokka >"$OUT/site.log" 2>&1 || fail "$(tail -n 20 "$OUT/site.log")"
    # A site without the calls' own words would be no use.
    grep -rq "waits for no writer and no network" "$OUT/site" || fail "the KDoc site says nothing about the calls"
    echo "kotlin: the KDoc site is target/site/index.html, $(find "$OUT/site" -name '*.html' | wc -l) pages"
}

part_bench() {
    # Library and server as they are shipped; `./check figures` builds them.
    local figures=${FIELDSYNC_FIGURES:?is set by ./check figures} classpath
    part_library
    cp -L "$figures/libfieldsync_ffi.so" "$figures/fieldsync-server" "$OUT/native/"
    maven jvm test-compile
    maven jvm org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath "-Dmdep.outputFile=$OUT/tools/test.classpath"
    classpath=jvm/target/test-classes:jvm/target/classes:$(cat "$OUT/tools/test.classpath")
    java "-Djna.library.path=$OUT/native" "-Dfieldsync.native=$OUT/native" "-Dfieldsync.repository=$ROOT" \
        -cp "$classpath" com.fieldsync.Bench "${FIELDSYNC_ORDERS:-2000}"
}

for part in "$@"; do
    case "$part" in
        -h | --help | help) usage && exit 0 ;;
        *) declare -F "part_$part" >/dev/null || fail "there is no part $part; --help lists them" ;;
    esac
done
[ $# -gt 0 ] || set -- "${PARTS[@]}"
for part in "$@"; do
    say "$part"
    "part_$part"
done
