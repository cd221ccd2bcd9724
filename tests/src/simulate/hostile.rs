//! Somebody with an enrolled device of his own and a program of his own: every request is well formed, none is honest.

use ed25519_dalek::SigningKey;
use fieldsync::{Request, fields};
use fieldsync_protocol::enrol::{Enrol, EnrolAnswer};
use fieldsync_protocol::exchange::{Exchange, ExchangeAnswer, Holding, Outcome, PushRecord};
use fieldsync_protocol::request::{DEVICE_HEADER, ENROL_PATH, EXCHANGE_PATH, NONCE_HEADER, SIGNATURE_HEADER, sign};
use fieldsync_protocol::version::Dot;
use fieldsync_protocol::{Edit, PersonId, PublicKey, PushId, RecordId, ReplicaId, Stamp, Trust, Version, wire};
use fieldsync_server::enrol;

use super::chance::Chance;
use super::state::NUMBER;
use super::world::{Assignment, World};

/// Numbers from here on were entered by nobody honest.
pub(crate) const FORGED: u64 = 1 << 40;

impl World<'_> {
    /// Enrols a device for a technician and sends one dishonest exchange: edits of records out of scope, in other
    /// people's names, under other replicas' dots, with contexts that claim to have seen everything.
    pub(crate) fn hostile(&mut self, technician: usize, pick: u64) -> anyhow::Result<()> {
        let technician = technician % self.technicians.len();
        let person = self.technicians[technician];
        let mut chance = Chance::new(self.script.seed ^ pick << 20 ^ self.exchanges);
        let key = SigningKey::from_bytes(&bytes(&mut chance));
        let code = enrol::new_code(self.site.office()?, person)?;
        let public_key = PublicKey(key.verifying_key().to_bytes());
        let enrolment = Enrol { code, public_key, device_name: "not what it seems".to_owned() };
        let request = Request {
            method: "POST",
            path: ENROL_PATH.to_owned(),
            headers: vec![("content-type".to_owned(), wire::MEDIA_TYPE.to_owned())],
            body: wire::pack(&enrolment),
        };
        let response = self.site.send(&self.runtime, &request)?;
        let answer: EnrolAnswer = wire::unpack(&response.body)?;
        let nonce = response.header(NONCE_HEADER).unwrap_or_default().to_owned();
        let replica = ReplicaId(bytes(&mut chance));
        let push = self.forged(&mut chance, person, replica, &answer)?;
        if push.is_empty() {
            return Ok(());
        }
        let push_id = PushId(bytes(&mut chance));
        let message = Exchange {
            replica,
            epoch: answer.epoch,
            table: 1,
            token: None,
            push_id: Some(push_id),
            sent_ids: vec![push_id],
            sent_dots: Vec::new(),
            push,
            offers: Vec::new(),
            cursor: None,
            whole: self.orders.clone(),
            holding: Holding::default(),
            clock_ms: 0,
            wiping: false,
            ranges: Vec::new(),
            pieces: Vec::new(),
        };
        let body = wire::pack(&message);
        let device = answer.certificate.device;
        let signature = sign(&key, device, "POST", EXCHANGE_PATH, 0, &nonce, &body);
        let headers = vec![
            ("content-type".to_owned(), wire::MEDIA_TYPE.to_owned()),
            (DEVICE_HEADER.to_owned(), device.to_string()),
            (NONCE_HEADER.to_owned(), nonce),
            (SIGNATURE_HEADER.to_owned(), signature.to_string()),
        ];
        let response = self
            .site
            .send(&self.runtime, &Request { method: "POST", path: EXCHANGE_PATH.to_owned(), headers, body })?;
        if response.status >= 500 {
            self.oracle.broken("F1", format!("the office answers {} to a hostile device", response.status));
        }
        self.search_canaries("the hostile device", technician, &response.body)?;
        if let Ok(answer) = wire::unpack::<ExchangeAnswer>(&response.body) {
            self.mark_answer(&answer);
            for (id, outcome) in &answer.outcomes {
                match outcome {
                    Outcome::Accepted { .. } => {
                        self.oracle.broken("S1", format!("a hostile device's edit of {id} was accepted"));
                    }
                    Outcome::Refused { .. } => self.marks.hit("hostile-refused"),
                    Outcome::Held { .. } | Outcome::Wanted => {}
                }
            }
        }
        Ok(())
    }

    /// Edits of orders that the technician does not see, of plans that are not his, and notes on such orders.
    fn forged(
        &mut self,
        chance: &mut Chance,
        person: RecordId,
        replica: ReplicaId,
        answer: &EnrolAnswer,
    ) -> anyhow::Result<Vec<PushRecord>> {
        let mut push = Vec::new();
        let technician = self.technicians.iter().position(|known| *known == person).unwrap_or(0);
        for (place, order) in self.orders.clone().iter().enumerate() {
            if push.len() >= 3 || self.opened_orders.contains(&place) || self.sees(technician, *order)? {
                continue;
            }
            let Some(stored) = self.site.office()?.read(|txn| txn.record(*order))? else { continue };
            let mut context = Version::new();
            for (replica, _) in stored.record.version.iter() {
                context.set(replica, 1 << 40);
            }
            let stranger = chance.percent(50);
            let author = if stranger {
                PersonId(self.technicians[(technician + 1) % self.technicians.len()].0)
            } else {
                PersonId(person.0)
            };
            let number = (FORGED + place as u64) as i64;
            // A job that was once his may have been his when this device last heard of it: then its notes count.
            let was_his = |a: &Assignment| a.order == place && a.technician == technician;
            let may_know = self.assignments.iter().any(was_his);
            let (kind, id, group, fields, context) = if chance.percent(50) && !may_know {
                let note = fields! { "work_order" => *order, "text" => "it was like this before", NUMBER => number };
                ("note", RecordId::from_bytes(bytes(chance)), "text", note, Version::new())
            } else {
                ("work_order", *order, "plan", fields! { "priority" => "low", NUMBER => number }, context)
            };
            let edit = |counter: u64| Edit {
                dot: Dot { replica, counter },
                group: group.to_owned(),
                fields: fields.clone(),
                context: context.clone(),
                stamp: Stamp {
                    person: author,
                    device: Some(answer.certificate.device),
                    at_ms: i64::MAX,
                    offset_ms: 0,
                    trust: Trust::Compared,
                },
            };
            let edits = vec![edit(1 + chance.below(1 << 40))];
            push.push(PushRecord { kind: kind.to_owned(), id, base: Version::new(), edits });
        }
        Ok(push)
    }
}

fn bytes<const N: usize>(chance: &mut Chance) -> [u8; N] {
    std::array::from_fn(|_| chance.next().to_le_bytes()[0])
}
