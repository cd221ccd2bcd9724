//! The day itself, scene by scene.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use fieldsync::work::{Known, NewAsset, NewCustomer, NewSite, OpenOrder, ReportEntry};
use fieldsync::{Draft, RecordId, fields};
use tokio::runtime::Handle;

use super::cast::TEAM;
use super::clock::DayClock;
use super::desk::Desk;
use super::drive;
use super::network::{Network, Weather};
use super::phone::Phone;
use crate::enrol;

/// Jobs planned for each technician.
const JOBS_EACH: usize = 5;
/// Requests that meet a fault when the network comes back.
const BAD_REQUESTS: u32 = 6;
/// Rounds of syncs after which everybody must agree.
const ROUNDS_MAX: u32 = 12;

/// The people by their place in the team.
const ANNA: usize = 0;
const BERT: usize = 1;
const CHEN: usize = 2;
const DANA: usize = 3;
const EMIL: usize = 4;
const FARIDA: usize = 5;

/// What the day left behind.
pub(super) struct Played {
    pub(super) phones: Vec<Phone>,
    /// Whose phone was killed in mid-sync.
    pub(super) killed: usize,
}

/// Where the day is played.
pub(super) struct Stage<'a> {
    pub(super) desk: &'a Desk,
    pub(super) clock: Arc<DayClock>,
    pub(super) office: SocketAddr,
    pub(super) folder: &'a Path,
    pub(super) runtime: Handle,
    pub(super) seed: u64,
    /// Tells what is happening.
    pub(super) tell: &'a mut dyn FnMut(&str),
}

/// Plays the day.
pub(super) fn play(mut stage: Stage<'_>) -> anyhow::Result<Played> {
    let mut phones = afternoon_before(&mut stage)?;
    let yesterday = yesterday(&mut stage, &mut phones)?;
    let opened = offline(&mut stage, &mut phones, &yesterday)?;
    meanwhile(&mut stage, &phones, &yesterday, opened)?;
    afternoon(&mut stage, &mut phones, &yesterday, opened)?;
    let killed = network_returns(&mut stage, &mut phones)?;
    settle(&mut stage, &mut phones)?;
    Ok(Played { phones, killed })
}

/// The office dispatches; devices enrol and pull.
fn afternoon_before(stage: &mut Stage<'_>) -> anyhow::Result<Vec<Phone>> {
    stage.clock.set(-10, 0);
    (stage.tell)("The afternoon before: the office dispatches, six phones enrol and pull");
    let technicians = stage.desk.found()?;
    let orders = stage.desk.waiting(TEAM.len() * JOBS_EACH)?;
    if orders.len() < TEAM.len() * JOBS_EACH {
        bail!("play a day with {} waiting work orders: at least {} are needed", orders.len(), TEAM.len() * JOBS_EACH);
    }
    let mut phones = Vec::new();
    for (place, person) in TEAM.iter().enumerate() {
        let seed = stage.seed.wrapping_mul(1_000).wrapping_add(place as u64);
        let network = Network::between(stage.office, seed)?;
        let folder = stage.folder.join("phones").join(format!("{}", place + 1));
        std::fs::create_dir_all(&folder).context("make a folder for a phone")?;
        let mut phone = Phone::new(
            person.name,
            technicians[place],
            folder,
            network,
            Arc::new(stage.clock.of_the_same_day()),
            stage.runtime.clone(),
            seed,
        )?;
        for (turn, order) in orders[place * JOBS_EACH..(place + 1) * JOBS_EACH].iter().enumerate() {
            let from_ms = stage.clock.at(8, 0) + turn as i64 * 100 * 60_000;
            let assignment = stage.desk.assign(*order, technicians[place], from_ms, true)?;
            phone.jobs.push(*order);
            phone.assignments.insert(*order, assignment);
        }
        phones.push(phone);
    }
    // Two work on the same job.
    let shared = phones[ANNA].jobs[0];
    let second = stage.desk.assign(shared, technicians[BERT], stage.clock.at(8, 0), false)?;
    phones[BERT].assignments.insert(shared, second);
    phones[BERT].jobs[0] = shared;
    for phone in &mut phones {
        let code = enrol::new_code(&stage.desk.office, phone.technician)?;
        phone.enrol(&format!("http://{}", stage.office), &code)?;
        phone.network.set(Weather::Fair);
        let receipt = phone.sync()?;
        if !receipt.is_complete() || receipt.received == 0 {
            bail!("give {} the day's jobs", phone.name);
        }
    }
    Ok(phones)
}

/// What was finished before the day began: Bert's last job, and what Dana wrote and will correct.
struct Yesterday {
    done: RecordId,
    written: RecordId,
}

fn yesterday(stage: &mut Stage<'_>, phones: &mut [Phone]) -> anyhow::Result<Yesterday> {
    (stage.tell)("Two jobs are done while the network is there");
    for phone in phones.iter() {
        phone.clock.set(-9, 0);
    }
    let (done, written) = (phones[BERT].jobs[4], phones[DANA].jobs[4]);
    let bert = &mut phones[BERT];
    bert.arrive(done)?;
    bert.report(done, 1, "solved")?;
    bert.use_parts(done, 3, 1)?;
    bert.finish_signed(done, 1)?;
    let dana = &mut phones[DANA];
    dana.arrive(written)?;
    dana.report(written, 3, "temporary")?;
    stage.clock.set(-8, 0);
    for phone in [BERT, DANA] {
        phones[phone].sync()?;
    }
    // Everybody takes the morning's state along.
    stage.clock.set(6, 30);
    for phone in phones.iter_mut() {
        phone.clock.set(6, 30);
        phone.sync()?;
    }
    for phone in phones.iter() {
        phone.network.set(Weather::Down);
    }
    Ok(Yesterday { done, written })
}

/// Offline, everybody works. Returns the order Chen opened on site.
fn offline(stage: &mut Stage<'_>, phones: &mut [Phone], yesterday: &Yesterday) -> anyhow::Result<RecordId> {
    stage.clock.set(8, 0);
    (stage.tell)("The network is gone; everybody works");
    for (place, phone) in phones.iter_mut().enumerate() {
        let jobs: Vec<RecordId> = phone.jobs[..JOBS_EACH - 1].to_vec();
        for (turn, order) in jobs.iter().enumerate() {
            phone.clock.set(8 + 2 * turn as i64, 5 * place as i64);
            work(phone, *order, turn, place * JOBS_EACH + turn)?;
        }
    }
    // Dana corrects what she wrote yesterday, twice; only the last word is sent.
    for hazards in ["Cable guard fitted", "Cable guard fitted, connector to be watched"] {
        let entry = ReportEntry { hazards: Some(hazards.into()), ..ReportEntry::default() };
        phones[DANA].does(|device| device.write_report(yesterday.written, &entry))?;
    }
    phones[DANA].finish_signed(yesterday.written, 4)?;
    // Farida learns a new phone number: the office owns it, so it becomes a proposal.
    let job = phones[FARIDA].jobs[1];
    let category = Draft::of("work_order", job)
        .change("category", fields! { "category" => "c_warranty" })
        .on_order(job)
        .because("the pump is eight months old");
    phones[FARIDA].does(|device| device.edit(category))?;
    // Chen opens an order on site for a customer nobody knew.
    stage.clock.set(15, 50);
    phones[CHEN].clock.set(15, 40);
    let opened = phones[CHEN].does(|device| {
        device.open_order(&OpenOrder {
            customer: Known::New(NewCustomer {
                name: "Riverside Joinery".into(),
                phone: Some("+61 3 5550 8800".into()),
                street: Some("12 Mill Lane".into()),
                postcode: None,
                city: Some("Geelong".into()),
            }),
            site: Some(Known::New(NewSite { name: "Workshop".into() })),
            asset: Some(Known::New(NewAsset {
                name: "Dust extractor".into(),
                model: Some("DX-4".into()),
                serial: Some("DX4-0099".into()),
            })),
            problem: "Extractor trips after ten minutes".into(),
            priority: Some("high".into()),
        })
    })?;
    phones[CHEN].arrive(opened.order)?;
    // He finds a network for a moment, so the office learns of the new customer.
    phones[CHEN].network.set(Weather::Fair);
    phones[CHEN].sync()?;
    phones[CHEN].network.set(Weather::Down);
    Ok(opened.order)
}

/// One job, as the place in the day wants it.
fn work(phone: &mut Phone, order: RecordId, turn: usize, variant: usize) -> anyhow::Result<()> {
    phone.arrive(order)?;
    match turn {
        0 => {
            phone.photograph(order, variant, "BEFORE")?;
            phone.report(order, variant, "solved")?;
            phone.use_parts(order, variant, 2)?;
            phone.finish_signed(order, variant)
        }
        1 => {
            phone.report(order, variant, "solved")?;
            phone.use_parts(order, variant, 1)?;
            phone.does(|device| device.add_note(order, "Customer asks for a quote for the yearly inspection"))?;
            phone.finish_signed(order, variant)
        }
        2 => {
            phone.report(order, variant, "limitation_accepted")?;
            phone.finish_refused(order, variant, "wants to speak to the office about the price first")
        }
        _ => {
            phone.report(order, variant, "not_solved")?;
            phone.does(|device| device.follow_up(order, "part must be ordered"))?;
            Ok(())
        }
    }
}

/// Meanwhile the office changes the plan.
fn meanwhile(stage: &mut Stage<'_>, phones: &[Phone], yesterday: &Yesterday, opened: RecordId) -> anyhow::Result<()> {
    (stage.tell)("Meanwhile the office replans, approves, takes one job away and cancels another");
    stage.clock.set(16, 5);
    let desk = stage.desk;
    for phone in phones {
        desk.prioritise(phone.jobs[3], "emergency")?;
        desk.instruct(phone.jobs[2], "Take photos of the name plate. Ask for Mr Okafor.")?;
    }
    desk.replan(phones[ANNA].assignments[&phones[ANNA].jobs[3]], stage.clock.at(15, 0))?;
    // The words over a signature change after the customer signed, unseen by the office.
    desk.restate(phones[ANNA].jobs[1], "Boom slow when warm; customer reports it also when cold")?;
    // Emil's first job goes to Farida; his second is cancelled. He works on both.
    let taken = phones[EMIL].jobs[0];
    desk.withdraw(phones[EMIL].assignments[&taken], "Farida is nearer")?;
    desk.assign(taken, phones[FARIDA].technician, stage.clock.at(14, 0), true)?;
    desk.cancel(phones[EMIL].jobs[1], "customer called: problem gone")?;
    // Bert's job of the morning is approved; what he adds now comes too late.
    desk.approve(yesterday.done)?;
    // The office restates the problem of Chen's order, which he will restate too.
    desk.restate(opened, "Dust extractor trips after about ten minutes, motor protection 16 A")
}

/// In the afternoon, still offline.
fn afternoon(
    stage: &mut Stage<'_>,
    phones: &mut [Phone],
    yesterday: &Yesterday,
    opened: RecordId,
) -> anyhow::Result<()> {
    for phone in phones.iter() {
        phone.clock.set(16, 20);
    }
    (stage.tell)("In the afternoon two of them write what the office has just written or closed");
    let problem = Draft::of("work_order", opened)
        .change("problem", fields! { "text" => "Extractor trips: fan wheel unbalanced, bearing warm" });
    phones[CHEN].does(|device| device.edit(problem))?;
    phones[CHEN].report(opened, 6, "temporary")?;
    phones[CHEN].finish_signed(opened, 3)?;
    phones[BERT].does(|device| device.add_note(yesterday.done, "Forgot my torque wrench in the engine bay"))?;
    // The customer's phone number changes through a proposal made on a job.
    let job = phones[ANNA].jobs[0];
    if let Some(customer) = phones[ANNA].device().job(job)?.customer {
        let reach = fields! { "phone" => "+61 3 5550 1199" };
        phones[ANNA].does(|device| device.propose(job, customer.id, "reach", reach, Some("new number at the gate")))?;
    }
    Ok(())
}

/// The network returns badly; one phone is killed in mid-sync and opened again.
fn network_returns(stage: &mut Stage<'_>, phones: &mut [Phone]) -> anyhow::Result<usize> {
    stage.clock.set(17, 30);
    (stage.tell)("The network returns badly: requests and answers are lost, repeated, cut; one phone is killed");
    let killed = DANA;
    for (place, phone) in phones.iter_mut().enumerate() {
        phone.clock.set(17, 30 + 4 * place as i64);
        if place == killed {
            phone.shut();
            let now_ms = fieldsync::Clock::now_ms(phone.clock.as_ref());
            drive::sync_and_kill(&phone.folder, &phone.network, now_ms)?;
            phone.reopen()?;
        }
        phone.network.set(Weather::Bad(BAD_REQUESTS));
        phone.sync()?;
        stage.clock.pass(4);
    }
    Ok(killed)
}

/// Everybody syncs until everybody agrees.
fn settle(stage: &mut Stage<'_>, phones: &mut [Phone]) -> anyhow::Result<()> {
    (stage.tell)("Everybody syncs until all replicas agree");
    for phone in phones.iter() {
        phone.clock.set(17, 54);
    }
    for _ in 0..ROUNDS_MAX {
        let mut is_settled = true;
        for phone in phones.iter_mut() {
            let receipt = phone.sync()?;
            let is_quiet = receipt.sent == 0 && receipt.received == 0 && receipt.left == 0 && receipt.blobs_here == 0;
            is_settled &= receipt.is_complete() && receipt.agrees == Some(true) && is_quiet;
        }
        if is_settled {
            break;
        }
        stage.clock.pass(2);
        for phone in phones.iter() {
            phone.clock.pass(2);
        }
    }
    // The report says it when they still do not agree.
    Ok(())
}
