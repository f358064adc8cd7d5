//! Campaigns, their spend, and the impressions that are not in the ledger yet.

use super::requests::AdCandidate;
use std::collections::HashMap;
use tessera_domain::{AdId, Timestamp, UserId, ads::pacing_lag};
use tessera_ports::ledger::{AdImpressions, AdSpend, MAX_PAGE};

/// The most (day, user, ad) entries that wait to be flushed; past it impressions are dropped.
pub(super) const WAITING_IMPRESSIONS: usize = 20_000;

/// An impression on another node counts here for so long: by then it is in the ledger, where reads find it.
const ELSEWHERE_MS: i64 = 1_000;

/// A campaign with what was spent of it beyond what its last read is sure to know.
struct Campaign {
    spend: AdSpend,
    unread: u64,
}

impl Campaign {
    fn impressions(&self) -> u64 {
        self.spend.impressions_today + self.unread
    }

    fn may_be_shown(&self, now: Timestamp) -> bool {
        self.spend.ad.is_active(now) && self.impressions() < self.spend.ad.daily_budget
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    day: i64,
    user_id: UserId,
    ad_id: AdId,
}

/// A question for candidates on its way to the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub user_id: UserId,
    /// How many at most.
    pub limit: usize,
    /// The UTC day whose impressions are read.
    pub day: i64,
    /// What had not been flushed when the read began: the read may or may not know of it.
    unflushed: Vec<(AdId, u32)>,
}

/// What to answer to a caller who wants candidates.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// There is nothing to show to anybody.
    Nothing,
    /// Read what the user saw on the question's day, then call [`AdsCore::choose`].
    Read(Question),
}

/// One write of impressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flush {
    pub day: i64,
    /// All of that day, at most [`MAX_PAGE`].
    pub impressions: Vec<AdImpressions>,
}

/// The ads as this node knows them.
#[derive(Default)]
pub(super) struct AdsCore {
    campaigns: Vec<Campaign>,
    /// The UTC day of the campaigns' spend.
    day: i64,
    waiting: HashMap<Key, u32>,
    flushing: HashMap<Key, u32>,
    /// Impressions that other nodes told of, and until when they count.
    elsewhere: HashMap<Key, (u32, Timestamp)>,
    /// While a read of the campaigns is under way: what it may not know of, by ad.
    unread: Option<HashMap<AdId, u64>>,
}

impl AdsCore {
    /// A read of the campaigns begins.
    pub fn refresh_began(&mut self, now: Timestamp) {
        let mut unread = HashMap::new();
        self.forget_elsewhere(now);
        let elsewhere = self.elsewhere.iter().map(|(key, (count, _))| (key, count));
        let unwritten = self.waiting.iter().chain(&self.flushing).chain(elsewhere);
        for (key, count) in unwritten.filter(|(key, _)| key.day == now.utc_day()) {
            *unread.entry(key.ad_id).or_insert(0) += u64::from(*count);
        }
        self.unread = Some(unread);
    }

    /// The campaigns as the ledger had them on the day of `read_at`.
    pub fn refreshed(&mut self, spends: Vec<AdSpend>, read_at: Timestamp) {
        let mut unread = self.unread.take().unwrap_or_default();
        self.day = read_at.utc_day();
        self.campaigns = spends
            .into_iter()
            .map(|spend| Campaign { unread: unread.remove(&spend.ad.id).unwrap_or(0), spend })
            .collect();
    }

    /// The read came to nothing; what is known stays.
    pub fn refresh_failed(&mut self) {
        self.unread = None;
    }

    /// Begins to answer a caller who wants `limit` candidates for `user_id`.
    pub fn ask(&mut self, user_id: UserId, limit: usize, now: Timestamp) -> Choice {
        self.turn_to(now);
        if limit == 0 || !self.campaigns.iter().any(|campaign| campaign.may_be_shown(now)) {
            return Choice::Nothing;
        }
        let ad_ids = self.campaigns.iter().map(|campaign| campaign.spend.ad.id);
        let unflushed =
            ad_ids.map(|ad_id| (ad_id, self.unflushed(user_id, ad_id, now))).filter(|(_, n)| *n > 0).collect();
        Choice::Read(Question { user_id, limit, day: self.day, unflushed })
    }

    /// Ends to answer: `shown` is what the ledger says the user was shown on the question's day.
    pub fn choose(&mut self, question: &Question, shown: &[AdImpressions], now: Timestamp) -> Vec<AdCandidate> {
        self.turn_to(now);
        let is_today = question.day == self.day;
        let below_cap = |campaign: &&Campaign| {
            let ad = &campaign.spend.ad;
            let in_ledger = shown.iter().find(|row| is_today && row.ad_id == ad.id).map_or(0, |row| row.count);
            let before = question.unflushed.iter().find(|(id, _)| is_today && *id == ad.id).map_or(0, |(_, n)| *n);
            in_ledger.saturating_add(before.max(self.unflushed(question.user_id, ad.id, now))) < ad.frequency_cap
        };
        let lag = |campaign: &Campaign| pacing_lag(&campaign.spend.ad, campaign.impressions(), now);
        let mut eligible: Vec<(f64, &AdSpend)> = self
            .campaigns
            .iter()
            .filter(|campaign| campaign.may_be_shown(now))
            .filter(below_cap)
            .map(|campaign| (lag(campaign), &campaign.spend))
            .collect();
        eligible.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.ad.id.cmp(&b.1.ad.id)));
        let candidate = |(_, spend): (f64, &AdSpend)| AdCandidate { ad_id: spend.ad.id, post: spend.post };
        eligible.into_iter().take(question.limit).map(candidate).collect()
    }

    /// Counts one impression of `ad_id`; false where so many wait already that it is dropped.
    pub fn shown(&mut self, user_id: UserId, ad_id: AdId, now: Timestamp) -> bool {
        self.turn_to(now);
        let key = Key { day: now.utc_day(), user_id, ad_id };
        if self.waiting.len() >= WAITING_IMPRESSIONS && !self.waiting.contains_key(&key) {
            return false;
        }
        *self.waiting.entry(key).or_insert(0) += 1;
        self.spend_one(ad_id);
        true
    }

    /// Another node showed `ad_id`, and writes that itself.
    pub fn shown_elsewhere(&mut self, user_id: UserId, ad_id: AdId, now: Timestamp) {
        self.turn_to(now);
        self.spend_one(ad_id);
        if self.elsewhere.len() >= WAITING_IMPRESSIONS {
            self.forget_elsewhere(now);
        }
        if self.elsewhere.len() < WAITING_IMPRESSIONS {
            let told = self.elsewhere.entry(Key { day: now.utc_day(), user_id, ad_id }).or_insert((0, now));
            *told = (told.0 + 1, now.plus_ms(ELSEWHERE_MS));
        }
    }

    fn spend_one(&mut self, ad_id: AdId) {
        if let Some(campaign) = self.campaigns.iter_mut().find(|campaign| campaign.spend.ad.id == ad_id) {
            campaign.unread += 1;
        }
        if let Some(unread) = &mut self.unread {
            *unread.entry(ad_id).or_insert(0) += 1;
        }
    }

    fn forget_elsewhere(&mut self, now: Timestamp) {
        self.elsewhere.retain(|_, (_, until)| *until > now);
    }

    /// The next write, if anything waits and none is under way: impressions of the oldest day.
    pub fn flush(&mut self) -> Option<Flush> {
        if !self.flushing.is_empty() {
            return None;
        }
        let day = self.waiting.keys().map(|key| key.day).min()?;
        self.flushing = self.waiting.extract_if(|key, _| key.day == day).take(MAX_PAGE).collect();
        let impression =
            |(key, count): (&Key, &u32)| AdImpressions { ad_id: key.ad_id, user_id: key.user_id, count: *count };
        Some(Flush { day, impressions: self.flushing.iter().map(impression).collect() })
    }

    /// The write under way ended. What was not written waits again.
    pub fn flushed(&mut self, written: bool) {
        for (key, count) in self.flushing.drain() {
            if !written {
                *self.waiting.entry(key).or_insert(0) += count;
            }
        }
    }

    /// Whether all impressions are durable.
    pub fn is_flushed(&self) -> bool {
        self.waiting.is_empty() && self.flushing.is_empty()
    }

    /// Bytes on the heap, about.
    pub fn heap_bytes(&self) -> usize {
        let keys = self.waiting.capacity() + self.flushing.capacity();
        keys * size_of::<(Key, u32)>()
            + self.elsewhere.capacity() * size_of::<(Key, (u32, Timestamp))>()
            + self.campaigns.capacity() * size_of::<Campaign>()
    }

    /// A new UTC day begins with whole budgets; the next read confirms it.
    fn turn_to(&mut self, now: Timestamp) {
        let day = now.utc_day();
        if day <= self.day {
            return;
        }
        self.day = day;
        for campaign in &mut self.campaigns {
            campaign.spend.impressions_today = 0;
            campaign.unread = 0;
        }
        // A read that began yesterday brings yesterday's spend: too much, which the next read mends.
    }

    fn unflushed(&self, user_id: UserId, ad_id: AdId, now: Timestamp) -> u32 {
        let key = Key { day: self.day, user_id, ad_id };
        let elsewhere = self.elsewhere.get(&key).filter(|(_, until)| *until > now).map_or(0, |(count, _)| *count);
        [&self.waiting, &self.flushing].iter().filter_map(|counts| counts.get(&key)).sum::<u32>() + elsewhere
    }
}
