//! The shop floor's abbreviations and the other words for the same thing.
//!
//! Hand-made from the texts of a mine's maintenance orders and of German workshops. A group holds spellings that mean
//! the same to the person who searches; a text with one of them is found by all of them. What is ambiguous on the shop
//! floor (`no`, `rf`, `acc`) is left out: finding too much is as bad as finding nothing.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{Run, Word, compounds, join, runs_of};

/// Spellings of the same thing, divided by bars.
const GROUPS: &[&str] = &[
    // Where.
    "left hand|l/h|lhs|left hand side|l/hand|left side",
    "right hand|r/h|rhs|right hand side|r/hand|right side",
    "left hand front|lhf|left front",
    "right hand front|rhf|right front",
    "left hand rear|lhr|left rear",
    "right hand rear|rhr|right rear",
    "undercarriage|u/c|u/carriage",
    "superstructure|s/structure",
    "front|frt|fwd",
    // What state.
    "unserviceable|u/s|out of service|oos",
    "broken|broke|busted|brkn",
    "leak|leaks|leaking|leaky|leakage|weep|weeping",
    "fault|faulty|faults|flt",
    "failed|fail|failure|fails",
    "cracked|crack|cracks|cracking",
    "damage|damaged|dmg",
    "worn|wear|worn out",
    "loose|loosening",
    "missing|lost",
    "bent|bend",
    "seized|seize|jammed",
    "noise|noisy",
    "smoke|smoking|smokey|smoky",
    "overheat|overheating|overtemp|over temp|overheats",
    "contamination|contam|contaminated",
    "blocked|block|blockage|clogged",
    "burst|bust|blown|blowout",
    "will not|wont",
    "does not|doesnt",
    "can not|cant|cannot",
    "not working|n/w|inoperative|inop",
    // What is done.
    "replace|repl|replaced|replacing|replacement|rplc",
    "change out|c/o|c/out|changeout|change over|changeover",
    "repair|rep|repaired|repairing|repairs|rpr",
    "remove|rem|removed|removal",
    "remove and replace|r&r",
    "install|inst|installed|installation|fit|fitted",
    "inspect|insp|inspection|inspected",
    "check|chk|checked",
    "adjust|adj|adjusted|adjustment",
    "service|serv|svc|servicing",
    "maintenance|maint|mtce",
    "lubrication|lube|lubricate",
    "overhaul|o/h|o/haul",
    "weld|welding|welded",
    "modify|mod|modification|modified",
    "fabricate|fab|fabrication",
    "investigate|investigation",
    "calibrate|calib|calibration",
    "tighten|tightened|retighten",
    "clean|cleaned|cleaning",
    "reseal|re seal|resealing",
    "recharge|regas|re gas",
    "operator|opr",
    "work order|w/o|workorder",
    "warranty|warr|wrty|wty",
    "preventive maintenance|p/m|pms",
    // Systems and parts.
    "air conditioning|a/c|aircon|air con|air cond|a/cond|air conditioner|a/con",
    "hydraulic|hyd|hydr|hydraulics",
    "cylinder|cyl|cylinders|cyls",
    "engine|eng|engines|engs",
    "motor|mtr|motors",
    "bucket|bkt|buckets",
    "tooth|teeth",
    "ground engaging tools|g.e.t",
    "gearbox|g/box|gear box",
    "transmission|trans|xmission",
    "differential|diff",
    "final drive|f/d",
    "power take off|p.t.o",
    "compressor|comp|compr",
    "alternator|altr",
    "generator|gen|genset",
    "battery|batt|batteries|bat",
    "electrical|elec|elect|electric|electrics",
    "mechanical|mech",
    "temperature|temp|temps",
    "pressure|press|pres",
    "high pressure|h/p|hi press",
    "low pressure|l/p|lo press",
    "revolutions per minute|rpm|revs",
    "thermostat|t/stat|thermo",
    "valve|vlv|valves",
    "filter|fltr|filters",
    "gasket|gskt|gaskets",
    "bearing|brg|bearings|brgs",
    "bracket|brkt|brackets",
    "assembly|assy",
    "accumulator|accum",
    "reservoir|resv",
    "regulator|reg",
    "solenoid|sol|solenoids",
    "switch|sw|switches",
    "control|ctrl|controller|controls",
    "joystick|joy stick|joy",
    "emergency|emer|emerg",
    "extinguisher|exting|extinguishers",
    "handrail|hand rail|handrails",
    "windscreen|w/screen|windshield",
    "turbocharger|turbo|turbos",
    "radiator|rad|radiators",
    "two way radio|2 way radio|two way|2 way|t/way",
    "hour|hr|hrs|hours",
    "litre|ltr|lts|litres|liter|liters",
    "quantity|qty",
    "position|pos|posn",
    "vertical|vert|verti",
    "main control valve|m.c.v",
    // German workshops.
    "links|linke|linker|linkes",
    "rechts|rechte|rechter|rechtes",
    "nicht in ordnung|n.i.o",
    "defekt|def|kaputt",
    "zylinder|zyl",
    "hydraulik|hydr|hydraulisch",
    "getriebe|getr",
    "leitung|ltg",
    "undicht|leck|leckage",
];

/// Groups by the spelling that leads to them.
static GROUPS_BY_SPELLING: LazyLock<HashMap<String, Vec<usize>>> = LazyLock::new(|| {
    let mut index: HashMap<String, Vec<usize>> = HashMap::new();
    for (group, spellings) in GROUPS.iter().enumerate() {
        for spelling in spellings.split('|') {
            index.entry(compared_form(spelling).join(" ")).or_default().push(group);
        }
    }
    index
});

/// Most words of a spelling.
const WORDS_MAX: usize = 4;

/// Returns the tokens of every other spelling of what the words say, a spelling of several words in order.
pub(super) fn equivalents(words: &[Word]) -> impl Iterator<Item = String> {
    let mut groups = Vec::new();
    let mut look_up = |spelling: &str| groups.extend(GROUPS_BY_SPELLING.get(spelling).into_iter().flatten().copied());
    for start in 0..words.len() {
        let mut spelling = String::new();
        for word in words[start..].iter().take(WORDS_MAX) {
            if !spelling.is_empty() {
                spelling.push(' ');
            }
            spelling.push_str(&word.text);
            look_up(&spelling);
        }
    }
    for compound in compounds(words) {
        for start in 0..compound.len() {
            for end in start + 2..=compound.len().min(start + WORDS_MAX) {
                look_up(&join(&compound[start..end]));
            }
        }
    }
    groups.into_iter().flat_map(|group| GROUPS[group].split('|')).flat_map(compared_form)
}

/// A spelling as tokens: glued words as one, others one by one.
fn compared_form(spelling: &str) -> Vec<String> {
    runs_of(spelling)
        .iter()
        .flat_map(|run| match run {
            Run::Words(words) => compounds(words).map(join).collect(),
            Run::Chinese(_) => Vec::new(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_has_several_spellings_and_none_twice() {
        for group in GROUPS {
            let mut forms: Vec<_> = group.split('|').map(|spelling| compared_form(spelling).join(" ")).collect();
            assert!(forms.len() > 1, "{group}");
            assert!(forms.iter().all(|form| !form.is_empty() && form.split(' ').count() <= WORDS_MAX), "{group}");
            forms.sort();
            forms.dedup();
            assert_eq!(forms.len(), group.split('|').count(), "{group}");
        }
    }

    #[test]
    fn a_spelling_with_a_slash_is_one_token() {
        assert_eq!(compared_form("l/h"), ["lh"]);
        assert_eq!(compared_form("ass'y"), ["assy"]);
        assert_eq!(compared_form("2 way radio"), ["2", "way", "radio"]);
    }
}
