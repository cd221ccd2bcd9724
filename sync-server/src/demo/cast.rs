//! Who and what the day is played with: technicians, customers, machines, problems, and the words reports are made of.

/// A technician.
pub(super) struct Person {
    pub(super) name: &'static str,
    pub(super) phone: &'static str,
    pub(super) skills: &'static str,
}

/// The team.
pub(super) const TEAM: [Person; 6] = [
    Person { name: "Anna Berger", phone: "+61 400 100 201", skills: "hydraulics, electrics" },
    Person { name: "Bert Claes", phone: "+61 400 100 202", skills: "engines, undercarriage" },
    Person { name: "陈伟", phone: "+61 400 100 203", skills: "hydraulics, commissioning" },
    Person { name: "Dana Novák", phone: "+61 400 100 204", skills: "electrics, controls" },
    Person { name: "Emil Sørensen", phone: "+61 400 100 205", skills: "ground engaging tools, welding" },
    Person { name: "Farida Haddad", phone: "+61 400 100 206", skills: "air conditioning, cabins" },
];

/// A customer with one site.
pub(super) struct Customer {
    pub(super) name: &'static str,
    pub(super) site: &'static str,
    pub(super) city: &'static str,
    pub(super) phone: &'static str,
    pub(super) access: &'static str,
}

/// The customers of a day without an imported file.
pub(super) const CUSTOMERS: [Customer; 5] = [
    Customer {
        name: "Hillside Quarry",
        site: "North pit",
        city: "Bendigo",
        phone: "+61 3 5550 1100",
        access: "Report at the weighbridge; radio channel 4; no entry while blasting.",
    },
    Customer {
        name: "Port Stevedores",
        site: "Berth 7",
        city: "Fremantle",
        phone: "+61 8 5550 2200",
        access: "Induction card needed; life jacket on the quay edge.",
    },
    Customer {
        name: "蓝天洁净室有限公司",
        site: "二号车间",
        city: "苏州",
        phone: "+86 512 5550 3300",
        access: "风淋室后更换洁净服；禁止携带手机。",
    },
    Customer {
        name: "Dairy Cooperative West",
        site: "Cold store",
        city: "Warrnambool",
        phone: "+61 3 5550 4400",
        access: "Hygiene lock; tools are disinfected at the door.",
    },
    Customer {
        name: "Municipal Works",
        site: "Depot Kessel Street",
        city: "Hobart",
        phone: "+61 3 5550 5500",
        access: "Gate code from the foreman; machines are keyed out at the desk.",
    },
];

/// Machines of the customers, by place in [`CUSTOMERS`]: name, model, serial number.
pub(super) const MACHINES: [(usize, &str, &str, &str); 8] = [
    (0, "Excavator 1", "EX-1200", "EX1200-0417"),
    (0, "Wheel loader 3", "WL-90", "WL90-2210"),
    (1, "Reach stacker A", "RS-45", "RS45-0091"),
    (2, "Air handling unit 2", "AHU-20", "AHU20-7731"),
    (2, "Compressor 1", "GA-55", "GA55-1002"),
    (3, "Chiller east", "CH-300", "CH300-0503"),
    (4, "Sweeper 11", "SW-6", "SW6-1188"),
    (4, "Backhoe 2", "BH-4", "BH4-0207"),
];

/// Problems as customers state them.
pub(super) const PROBLEMS: [&str; 16] = [
    "L/H bucket cylinder leaking, oil on the ground",
    "Engine overheats after an hour of work",
    "Boom slow when warm",
    "Alarm E47, machine stops",
    "Air conditioning blows warm",
    "R/H track loose, noise when turning",
    "Pressure drops over night",
    "空调不制冷，报警灯亮",
    "Starter motor U/S, clicks only",
    "Hyd. hose to the swing motor chafed",
    "Work light R/H broken",
    "Compressor does not load",
    "Replace bucket teeth, two missing",
    "过滤器压差过高",
    "Brake judders when cold",
    "Yearly inspection as per contract",
];

/// Finding, cause, attribution, method, what remains: the words of a report.
pub(super) const REPORTS: [(&str, &str, &str, &str, &str); 8] = [
    ("L/H bucket cylinder, gland", "Rod seal worn", "wear", "Seal kit replaced, rod polished", ""),
    (
        "Cooling circuit",
        "Radiator clogged with dust",
        "environment",
        "Cleaned, flow measured",
        "Clean weekly in the dry season",
    ),
    ("Pilot pressure valve", "Setting drifted", "product", "Pressure set by the manual", ""),
    (
        "Sensor B4, connector",
        "Water in the plug",
        "environment",
        "Plug dried, greased, cable rerouted",
        "Cable passes a sharp edge: guard to be fitted",
    ),
    ("Evaporator fan", "Bearing seized", "wear", "Fan replaced", ""),
    (
        "R/H idler",
        "Grease lost through the check valve",
        "wear",
        "Track tensioned, valve replaced",
        "Idler near its limit, plan replacement",
    ),
    ("Check valve CV2", "Seat scored", "product", "Valve replaced under warranty", ""),
    ("滤芯", "更换周期过长", "user", "更换滤芯，复位压差报警", "建议缩短更换周期"),
];

/// Parameters changed: name, before, after.
pub(super) const PARAMETERS: [(&str, &str, &str); 5] = [
    ("pilot pressure", "32 bar", "35 bar"),
    ("fan start temperature", "92 °C", "86 °C"),
    ("trip time", "0.3 s", "0.1 s"),
    ("idle speed", "820 rpm", "850 rpm"),
    ("压差报警值", "180 Pa", "250 Pa"),
];

/// The catalogue: number, name, unit, price in minor units.
pub(super) const CATALOGUE: [(&str, &str, &str, i64); 12] = [
    ("HY-2041", "Seal kit bucket cylinder", "pc", 18_450),
    ("HY-3310", "Hydraulic hose 3/4 x 1200", "pc", 9_620),
    ("HY-0001", "Hydraulic oil VG 46", "l", 780),
    ("EN-1120", "Thermostat 82 °C", "pc", 4_310),
    ("EN-2230", "Starter motor 24 V", "pc", 61_900),
    ("EL-0417", "Sensor pressure 0-400 bar", "pc", 22_300),
    ("EL-0551", "Work light LED", "pc", 11_800),
    ("UC-7001", "Track adjuster valve", "pc", 7_450),
    ("GT-0102", "Bucket tooth", "pc", 8_990),
    ("AC-3001", "Evaporator fan 24 V", "pc", 15_700),
    ("AC-3100", "Refrigerant R134a", "kg", 4_900),
    ("FI-2000", "Filter element 滤芯", "pc", 6_250),
];

/// People who sign on site.
pub(super) const SIGNERS: [(&str, &str); 6] = [
    ("P. Okafor", "shift foreman"),
    ("M. Lindqvist", "site manager"),
    ("王芳", "车间主任"),
    ("J. Moreau", "fleet manager"),
    ("S. Iyer", "maintenance planner"),
    ("T. Brandt", "operator"),
];

/// What customers agree to with their signature.
pub(super) const CONSENT: &str = "I confirm that the work and the parts listed were carried out and used, and that I was told what remains to be done.";
