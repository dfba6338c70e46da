//! How many bytes the reply to a request has. As it is known, the client need not read what it
//! gets: it counts, and that the sum is right is a check of every reply.

use crate::workload::Workload;

#[derive(Clone)]
pub struct Replies {
    first: u8,
    lengths: Lengths,
}

#[derive(Clone)]
enum Lengths {
    Fixed(usize),
    /// By the number of the entity.
    Each(Vec<u16>),
}

impl Replies {
    pub fn fixed(reply: &[u8]) -> Replies {
        Replies {
            first: reply[0],
            lengths: Lengths::Fixed(reply.len()),
        }
    }

    /// Those of HMGET of these features.
    pub fn values(workload: &Workload, entities: u64, places: &[usize]) -> Replies {
        let head = format!("*{}\r\n", places.len()).len();
        Replies::each(workload, entities, head, places)
    }

    /// Those of HGETALL.
    pub fn all(workload: &Workload, entities: u64) -> Replies {
        let places: Vec<usize> = (0..workload.features.len()).collect();
        let mut all = Vec::new();
        workload.put_all(0, &mut all);
        let values = places.iter().map(|place| workload.bulk(0, *place).len());
        let head = all.len() - values.sum::<usize>();
        Replies::each(workload, entities, head, &places)
    }

    fn each(workload: &Workload, entities: u64, head: usize, places: &[usize]) -> Replies {
        let length = |entity: u64| {
            let values = places
                .iter()
                .map(|place| workload.bulk(entity, *place).len());
            (head + values.sum::<usize>()) as u16
        };
        Replies {
            first: b'*',
            lengths: Lengths::Each((0..entities).map(length).collect()),
        }
    }

    /// With what each begins.
    pub fn first(&self) -> u8 {
        self.first
    }

    pub fn bytes(&self, entity: u64) -> usize {
        match &self.lengths {
            Lengths::Fixed(bytes) => *bytes,
            Lengths::Each(bytes) => usize::from(bytes[entity as usize]),
        }
    }

    /// On average.
    pub fn average(&self) -> usize {
        match &self.lengths {
            Lengths::Fixed(bytes) => *bytes,
            Lengths::Each(bytes) => {
                bytes.iter().map(|n| usize::from(*n)).sum::<usize>() / bytes.len()
            }
        }
    }
}
